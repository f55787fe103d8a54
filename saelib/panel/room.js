// The table of the room, for a projector: films and what visitors gave them, asked for each second.
import { h } from "./panel.js";

const main = document.querySelector("main");
const [heading, films, said] = [h("h1"), h("tbody"), h("ul")];
const [code, link] = [h("img", { alt: "" }), h("p")];
const save = h("a", { class: "button", download: "room.csv" });
let shown;

/** A rating is the stronger coloured, the higher it is; a gap stays white. */
const cell = (rating, [lowest, highest]) => {
  const made = h("td", {}, rating ?? "");
  if (rating !== null) made.style.setProperty("--share", (rating - lowest) / (highest - lowest));
  return made;
};

const draw = (view) => {
  const row = ({ name, ratings }) =>
    h("tr", {}, h("th", { scope: "row" }, name), ...ratings.map((x) => cell(x, view.ends)));
  heading.textContent = view.title;
  films.replaceChildren(...view.films.map(row));
  code.src = view.code;
  link.textContent = view.link;
  said.replaceChildren(...view.said.map((text) => h("li", {}, text)));
  save.textContent = view.download;
  save.href = `data:text/csv;charset=utf-8,${encodeURIComponent(view.csv)}`;
  if (!save.isConnected) main.replaceChildren(code, heading, link, said, h("table", {}, films), save);
};

const ask = async () => {
  try {
    const answer = await (await fetch(`room.json${location.search}`)).text();
    if (answer !== shown) draw(JSON.parse((shown = answer)));
  } catch {
    main.textContent = main.dataset.closed;
    shown = undefined;
  }
};
main.classList.add("saelib-room");
setInterval(ask, 1000);
ask();
