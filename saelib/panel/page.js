// The panel without Jupyter: what anywidget's model does, over a WebSocket.
import panel from "./panel.js";

const main = document.querySelector("main");
const address = new URL(`visit${location.search}`, location.href);
address.protocol = address.protocol.replace("http", "ws");
const state = {};
const listeners = {};
let socket;

const connect = () => {
  socket = new WebSocket(address);
  socket.onopen = () => model.send({ do: "look", n: Date.now() });
  socket.onmessage = ({ data }) => {
    const news = JSON.parse(data);
    const first = !state.view;
    Object.assign(state, news);
    if (first && news.view) panel.render({ model, el: main });
    else if (news.view) listeners["change:view"]();
  };
  socket.onclose = () => (state.view ? listeners.gone() : (main.textContent = main.dataset.closed));
};
const model = {
  get: (name) => state[name],
  on: (event, act) => (listeners[event] = act),
  send: (message) => socket.send(JSON.stringify(message)),
  retry: () => socket.readyState === WebSocket.CLOSED && connect(),
};
// A telephone that was put away has closed its socket; when it is looked at again, it goes on.
document.onvisibilitychange = () => document.hidden || model.retry();
connect();
