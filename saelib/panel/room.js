// The table of the room, for a projector: films and what visitors gave them, asked for each second.
import { h } from "./panel.js";

const main = document.querySelector("main");
const [said, films] = [h("ul", { class: "said" }), h("tbody")];
const save = h("a", { class: "button", href: `room.csv${location.search}`, download: "room.csv" });
let shown;

/** A rating is the stronger coloured, the higher it is; a gap stays white. */
const cell = (rating, [lowest, highest]) => {
  const made = h("td", {}, rating === null ? "" : String(rating));
  if (rating !== null) made.style.setProperty("--share", (rating - lowest) / (highest - lowest));
  return made;
};

const draw = (view) => {
  said.replaceChildren(...view.said.map((text) => h("li", {}, text)));
  films.replaceChildren(
    ...view.films.map(({ name, ratings }) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        ...ratings.map((rating) => cell(rating, view.ends)),
      ),
    ),
  );
  save.textContent = view.download;
  if (!save.isConnected) main.replaceChildren(h("h1", {}, view.title), h("table", {}, films), said, save);
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
