// Draws the panel from the dictionary that desk.py says, and tells it what the person does. Every
// control is one of HTML's own, which keyboards, fingers and screen readers know; no text of a film
// or a file ever becomes markup.

/** h("button", { class: "x", onclick }, "text", child, …) makes an element. */
export const h = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === "function") element[name] = value;
    else element.setAttribute(name, value);
  // JupyterLab takes arrow keys and Enter as shortcuts, save from an element that says so itself.
  if (/^(a|button|input|select|summary)$/.test(tag))
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
};

/** A film's name, its year apart: it is less important. */
const named = (name) => {
  const [, title, year] = name.match(/^(.*?)( \(\d{4}\))?$/s);
  return h("b", {}, title, ...(year ? [h("small", { class: "year" }, year)] : []));
};

/** A span that shows this entry of the item whose row it stands in. */
const entry = (name) => h("span", { class: name, "data-entry": name });

/** Bring a list in line with items. What stays keeps its element; the focus never gets lost. */
const keep = (parent, items, make) => {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const place = [...parent.children].findIndex((row) => row.contains(focused));
  const old = new Map([...parent.children].map((row) => [row.dataset.id, row]));
  for (const [id, row] of old) if (!items.some((item) => item.id === id)) row.remove();
  items.forEach((item, at) => {
    const row = old.get(item.id) ?? make(item);
    row.dataset.id = item.id;
    if (parent.children[at] !== row) parent.insertBefore(row, parent.children[at] ?? null);
    for (const part of row.querySelectorAll("[data-entry]"))
      part.textContent = item[part.dataset.entry] ?? "";
    row.show?.(item);
  });
  if (!focused || focused === document.activeElement) return;
  const next = parent.children[Math.min(place, items.length - 1)];
  if (focused.isConnected) focused.focus();
  else next?.querySelector(focused.className ? `.${focused.className}` : focused.tagName)?.focus();
};

function render({ model, el }) {
  const words = model.get("words");
  const { levels, spoken } = words;
  const steps = levels.length - 2;
  const few = steps <= 10; // then each level has a mark under the slider, and a bar on a card
  const ofStars = levels.at(-1) === 5 && levels.every((level) => level % 0.5 === 0);
  const drawn = (level) => "★".repeat(level) + "½".repeat(2 * (level % 1));
  const shown = levels.map((level) => (level && ofStars ? drawn(level) : (level ?? spoken[0])));
  const _ = (text) => words.texts[text];
  let sent = 0; // when the last message was; until it is answered, what the person has set is newer
  const act = (what, more = {}) => {
    sent = Math.max(sent + 1, Date.now());
    model.send({ do: what, n: sent, ...more });
    next.ariaBusy = true;
  };
  const answered = () => model.get("view").heard >= sent;
  const button = (text, onclick, attributes = {}) =>
    h("button", { type: "button", onclick, ...attributes }, text);
  const fold = (text, ...parts) => h("details", {}, h("summary", {}, text), ...parts);
  let goTo; // the film whose slider gets the focus as soon as it is there
  const put = (what, film) => {
    act(what, { film: film.id });
    goTo = film.id;
  };

  // -- A film to rate: a slider from 'not seen' to the best; a number typed gives as many stars ---
  const parts = few ? steps : 4; // into which marks part the way from the worst to the best
  const mark = (_each, at) => h("option", { value: 1 + Math.round((at * steps) / parts) });
  const marks = h("datalist", {}, ...Array.from({ length: parts + 1 }, mark));
  marks.id = `saelib-marks-${Math.random()}`;
  const slider = (film) => {
    const input = h("input", { type: "range", min: 0, max: levels.length - 1, list: marks.id });
    input.ariaLabel = film.name;
    const output = h("output", { "aria-hidden": "true" });
    const stand = (at) => {
      input.value = at;
      input.setAttribute("aria-valuetext", spoken[at]);
      output.textContent = shown[at];
      output.classList.toggle("none", levels[at] === null);
    };
    const rate = (at) => {
      stand(at);
      act("rate", { film: film.id, stars: levels[at] });
    };
    let before; // a finger that comes down here may be about to scroll: then it has not rated
    input.onpointerdown = () => (before = input.value);
    input.onpointercancel = () => stand(before);
    input.oninput = () => stand(input.value);
    input.onchange = () => rate(input.value);
    let [typed, when] = ["", 0];
    input.onkeydown = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "/") (event.preventDefault(), search.focus());
      if (event.key === "Delete" || event.key === "Backspace") rate(0);
      if (!/^[\d.,-]$/.test(event.key)) return;
      event.preventDefault();
      const key = event.key.replace(",", ".");
      const begins = (text) => levels.some((level) => String(level ?? 0).startsWith(text));
      typed = event.timeStamp - when < 1000 && begins(typed + key) ? typed + key : key;
      when = event.timeStamp;
      const index = levels.indexOf(Number(typed));
      if (index > 0) rate(index);
      else if (typed === "0") rate(0); // where the scale has no 0, it is 'not seen'
    };
    const name = h("span", { class: "name" }, named(film.name), h("small", {}, film.genres));
    stand(film.at);
    const show = ({ at }) => answered() && stand(at);
    return h("li", { class: "film", show }, name, input, output);
  };

  const tick = (film) => {
    const onchange = () => act("tick", { film: film.id, seen: box.checked });
    const box = h("input", { type: "checkbox", onchange });
    const show = ({ seen }) => (box.checked = seen);
    return h("li", { show }, h("label", { class: "chip" }, box, film.name));
  };

  const result = (film) => {
    const add = _("Add"); // Babel finds no text within a template
    const name = { "aria-label": `${add}: ${film.name}` };
    return h("li", {}, button(film.name, () => put("add", film), name), entry("stars"));
  };

  // -- A film to watch ----------------------------------------------------------------------------
  const card = (film) => {
    const bars = h("span", { class: "bars", role: "img" });
    const show = (now) => {
      const told = now.bars.map((share, at) => `${spoken[at + 1]} ${Math.round(100 * share)} %`);
      bars.ariaLabel = bars.title = told.join(", ");
      bars.hidden = !few || !now.bars.length;
      bars.replaceChildren(...now.bars.map(() => h("i")));
      const height = (share) => `${(100 * share) / Math.max(...now.bars)}%`;
      now.bars.forEach((share, at) => (bars.children[at].style.height = height(share)));
    };
    const on = (name, text, onclick) =>
      button(text, onclick, { class: name, "aria-label": `${text}: ${film.name}` });
    const saw = on("saw", _("Seen it"), () => put("saw", film));
    const reject = on("reject", _("Not interested"), () => act("reject", { film: film.id }));
    return h(
      "li",
      { class: "card", show },
      h("div", { class: "head" }, named(film.name), entry("moved")),
      h("div", { class: "expected" }, entry("stars"), bars),
      ...["genres", "see", "like"].map(entry),
      h("div", { class: "acts" }, saw, reject),
    );
  };

  const peek = (film) => h("li", {}, named(film.name), entry("moved"), entry("stars"));

  // What an option stands for may be a number, a list or nothing: its value is that as JSON.
  const choice = (what) => (of) => {
    const text = JSON.stringify;
    const options = of.options.map(([value, name]) => h("option", { value: text(value) }, name));
    const onchange = () => act(what, { [of.id]: JSON.parse(select.value) });
    const select = h("select", { onchange }, ...options);
    const show = ({ value }) => (select.value = text(value));
    return h("label", { show }, h("span", {}, of.name), select);
  };

  // -- The whole ----------------------------------------------------------------------------------
  const search = h("input", { type: "search", autocomplete: "off", enterkeyhint: "done" });
  search.oninput = () => act("search", { text: search.value });
  let entered = false; // Enter adds the best film, as soon as all that was typed has been heard
  search.onkeydown = ({ key }) => {
    if (key === "Enter") ((entered = true), show());
  };
  const file = h("input", { type: "file", accept: ".json,.csv,.zip", hidden: "" });
  const load = (name, content) => {
    const reader = new FileReader();
    const send = () => act("load", { name, data: reader.result?.split(",")[1] ?? "" });
    reader.onload = reader.onerror = send;
    reader.readAsDataURL(content);
  };
  file.onchange = () => {
    const [chosen] = file.files;
    const refused = _("{file} is too large: more than 5 MB.");
    if (chosen?.size > 5e6) alert.textContent = refused.replace("{file}", chosen.name);
    else if (chosen) load(chosen.name, chosen);
    file.value = "";
  };
  const save = h("a", { class: "button", download: words.file }, _("Save profile"));
  const [status, alert] = ["status", "alert"].map((role) => h("p", { role }));
  const undo = button(_("Undo"), () => act("undo"));
  const [table, list, first] = ["ol", "ol", "ol"].map((tag) => h(tag, { role: "list" }));
  const [ticks, found] = ["ul", "ul"].map((tag) => h(tag, { role: "list", class: "chips" }));
  const [about, wishes] = [h("div", { class: "choices" }), h("div", { class: "choices" })];
  const [caution, report] = [h("p", { class: "caution" }), h("pre")];
  const reported = fold(_("What became of each film of the file"), report);
  const who = fold(_("About you"), about);
  const keys = _("Keys on a slider: a number for as many stars, Delete for not seen, / to find a film.");
  const said = h("div", { class: "said" }, h("h2", {}, _("Watch next")), undo, status);
  const next = h("section", { class: "next" }, said, alert, wishes, caution, list);
  // Where there is one column: the first three films, in sight while the sliders are.
  const onclick = () => next.scrollIntoView();
  const top = h("div", { class: "peek", "aria-hidden": "true", onclick }, first);
  const asking = h(
    "section",
    { class: "rate" },
    h("h2", {}, _("Rate films that you have seen")),
    h("p", { class: "keys" }, keys),
    h("label", { class: "find" }, h("span", {}, _("Find a film")), search),
    found,
    table,
    marks,
    button(_("Other films"), () => act("more")),
    h("h3", {}, _("Seen, but no stars?")),
    ticks,
    button(_("Other titles"), () => act("others")),
    who,
    top,
  );
  const body = h("div", { class: "columns" }, asking, next);
  const leaveOut = () => act("leave out", { row: out.checked });
  const out = h("input", { type: "checkbox", onchange: leaveOut });
  const row = h("label", { class: "chip" }, out, _("Leave my ratings out"));
  const told = _("The stars that you give stand in the table of the room, without your name.");
  if (words.room) asking.prepend(h("p", { class: "room" }, told, " ", row));
  const gone = h("p", { role: "alert", class: "note", hidden: "" });
  gone.append(_("Nothing answers any more. What you told is kept in this tab."), " ");
  gone.append(model.retry ? button(_("Try again"), model.retry) : _("Run the cell again."));
  const upload = button(_("Load profile"), () => file.click());
  const restart = button(_("Start again"), () => act("restart"));
  const title = h("h1", {}, _("What to watch next"));
  const foot = h("div", { class: "foot" }, save, upload, file, restart);
  el.classList.add("saelib-panel");
  el.replaceChildren(gone, title, body, reported, foot);

  const kept = () => sessionStorage.getItem(words.store);
  const bring = (profile) => load(words.file, new Blob([profile]));
  const show = () => {
    const view = model.get("view");
    next.ariaBusy = !answered();
    keep(table, view.table, slider);
    keep(ticks, view.ticks, tick);
    keep(found, view.found, result);
    if (answered() && entered && view.found.length) put("add", view.found[0]);
    if (answered()) entered = false;
    keep(list, view.list, card);
    keep(first, view.list.slice(0, 3), peek);
    keep(about, view.about, choice("tell"));
    keep(wishes, view.wishes, choice("wish"));
    for (const [name, part] of Object.entries({ status, alert, caution, report }))
      if (part.textContent !== view[name]) part.textContent = view[name];
    reported.hidden = !view.report;
    who.hidden = !view.about.length;
    wishes.hidden = !view.told;
    top.hidden = !view.list.length;
    undo.disabled = !view.undo;
    save.href = `data:application/json,${encodeURIComponent(view.profile)}`;
    if (answered() && goTo) {
      table.querySelector(`[data-id="${CSS.escape(goTo)}"] input`)?.focus();
      if (!view.alert) search.value = "";
      goTo = undefined;
    }
    if (body.inert) {
      // Somebody answers again, who knows nothing: what was told is told once more.
      body.inert = !(gone.hidden = true);
      if (out.checked) leaveOut();
      if (kept()) bring(kept());
    } else if (sent && view.told) sessionStorage.setItem(words.store, view.profile);
    else if (sent) sessionStorage.removeItem(words.store);
  };
  model.on("change:view", show);
  const leave = () => (body.inert = !(gone.hidden = false));
  model.on("gone", leave);
  const ended = /^(dead|restarting|autorestarting)$/;
  model.widget_manager?.kernel?.statusChanged.connect((_kernel, now) => ended.test(now) && leave());
  const before = kept();
  if (before && !model.get("view").told) {
    const answer = (text, onclick) => button(text, () => (onclick(), offer.remove()));
    const back = answer(_("Bring them back"), () => bring(before));
    const forget = answer(_("Forget them"), () => sessionStorage.removeItem(words.store));
    const still = _("This tab still has the answers from before.");
    const offer = h("p", { class: "note" }, still, " ", back, " ", forget);
    gone.after(offer);
  }
  show();
}

export default { render };
