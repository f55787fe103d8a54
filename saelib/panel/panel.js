// What is left to be done in the page: names and values that a screen reader can say, keys and
// fingers on the sliders, files too large to be sent, answers that survive a reload, and a word when
// nobody answers any more. The looks are in panel.css, and what is said comes from parts.py in the
// person's language.

const set = (element, attribute, value) => {
  if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
};

/** A text with its {gaps} filled. */
const fill = (text, gaps) => text.replace(/\{(\w+)\}/g, (gap, name) => gaps[name] ?? gap);

/** '★★★½' as it is said: '3.5 stars'; any other text as it is. */
const spoken = (text, words) => {
  const n = (text.match(/★/g) ?? []).length + (text.includes("½") ? 0.5 : 0);
  return n ? fill(n > 1 ? words.stars : n === 1 ? words.star : words.ofAStar, { n }) : text;
};

const nameControls = (root, marks, words) => {
  set(root, "role", "group");
  set(root, "aria-label", words.panel);
  // JupyterLab takes arrow keys and Enter for its own shortcuts, save from an element that says so.
  for (const control of root.querySelectorAll("a, button, input, select, summary, .noUi-handle")) {
    set(control, "data-lm-suppress-shortcuts", "true");
  }
  for (const handle of root.querySelectorAll(".noUi-handle")) {
    const slider = handle.closest(".widget-slider");
    const [film] = slider.querySelector(".widget-label").textContent.split("\n");
    set(handle, "aria-label", slider.classList.contains("saelib-film") ? fill(words.starsOf, { film }) : film);
    const readout = slider.querySelector(".widget-readout");
    set(handle, "aria-valuetext", spoken(readout.textContent, words));
    set(readout, "contenteditable", "false"); // else a second tab stop, where nothing can be typed
  }
  for (const row of root.querySelectorAll(".saelib-film, .saelib-stars")) drawMarks(row, marks);
  for (const [name, role, label] of [
    [".saelib-places", "list", words.list],
    [".saelib-places > .saelib-place", "listitem"],
  ]) {
    for (const element of root.querySelectorAll(name)) {
      set(element, "role", role);
      if (label) set(element, "aria-label", label);
    }
  }
  for (const button of root.querySelectorAll(".saelib-fold")) {
    set(button, "aria-expanded", String(button.classList.contains("mod-active")));
    button.removeAttribute("aria-pressed");
  }
  for (const tick of root.querySelectorAll(".saelib-ticks input")) {
    // ipywidgets begins an empty label with a space of no width, which trim() leaves.
    const film = tick.closest(".widget-checkbox").textContent.replace(/\u200b/g, "").trim();
    set(tick, "aria-label", fill(words.seen, { film }));
  }
  for (const button of root.querySelectorAll("button[title]:not([title=''])")) {
    set(button, "aria-label", button.title);
  }
  // The upload button counts its files: 'Load profile (0)'.
  for (const upload of root.querySelectorAll(".widget-upload")) {
    for (const text of upload.childNodes) {
      if (/ \(\d+\)$/.test(text.nodeValue)) text.nodeValue = text.nodeValue.replace(/ \(\d+\)$/, "");
    }
  }
  for (const [name, role] of [
    [".saelib-status", "status"],
    [".saelib-told", "status"],
    [".saelib-alert", "alert"],
  ]) {
    for (const element of root.querySelectorAll(`${name} .widget-html-content`)) set(element, "role", role);
  }
};

/** Marks below a track, one for each step of its slider: '–', '1', '2' … */
const drawMarks = (row, marks) => {
  const track = row.querySelector(".slider-container");
  if (!track || track.querySelector(".saelib-marks")) return;
  const line = document.createElement("div");
  line.className = "saelib-marks";
  line.ariaHidden = "true"; // the slider says its value itself
  for (const mark of marks) line.append(Object.assign(document.createElement("i"), { textContent: mark }));
  track.append(line);
};

const PAUSE = 800; // milliseconds after which the keys that were pressed count
const DOWN = { ArrowLeft: -1, ArrowDown: -1, PageDown: -2, Home: -Infinity };
const STEPS = { ...DOWN, ArrowRight: 1, ArrowUp: 1, PageUp: 2, End: Infinity };

/** On a film's slider a digit gives that many stars, 0 takes them back.
 *
 * A film of the list leaves it as soon as it has stars, and the next key would rate the one that
 * comes in its place. So keys only move its slider, and what it shows counts after a pause, with
 * Enter, or when the slider is left; Escape takes it back.
 */
const listenToKeys = (root, model) => {
  let waiting; // {slider, name, timer}: a slider of the list that was moved
  const settle = (counts) => {
    if (!waiting) return;
    const { slider, name, timer } = waiting;
    clearTimeout(timer);
    waiting = undefined;
    if (counts && slider.get("description") === name && slider.get("index")) slider.save_changes();
    else slider.set("index", 0);
  };
  const modelOf = (sliders, row, all) => {
    const id = model.get(sliders)[[...root.querySelectorAll(all)].indexOf(row)];
    return model.widget_manager.get_model(id.replace("IPY_MODEL_", ""));
  };
  const indexOf = (key) => (key === "0" ? 0 : model.get("marks").indexOf(key));
  const rate = async (row, index) => {
    const slider = await modelOf("sliders", row, ".saelib-rows > .saelib-film");
    slider.set("index", index);
    slider.save_changes();
  };
  const move = async (row, key) => {
    const slider = await modelOf("stars", row, ".saelib-stars");
    if (waiting?.slider !== slider) settle(true);
    const highest = slider.get("_options_labels").length - 1;
    const to = key in STEPS ? slider.get("index") + STEPS[key] : indexOf(key);
    slider.set("index", Math.max(0, Math.min(highest, to)));
    clearTimeout(waiting?.timer);
    waiting = { slider, name: slider.get("description"), timer: setTimeout(settle, PAUSE, true) };
  };
  const press = (event) => {
    const row = event.target.closest?.(".noUi-handle") && event.target.closest(".saelib-film, .saelib-stars");
    if (!row || event.ctrlKey || event.altKey || event.metaKey) return;
    const listed = row.classList.contains("saelib-stars");
    if (listed && ["Enter", "Escape"].includes(event.key)) settle(event.key === "Enter");
    else if (listed && (event.key in STEPS || indexOf(event.key) >= 0)) move(row, event.key);
    else if (!listed && indexOf(event.key) >= 0) rate(row, indexOf(event.key));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const leave = (event) => {
    if (event.target.closest?.(".saelib-stars")) settle(true);
  };
  root.addEventListener("keydown", press, true);
  root.addEventListener("focusout", leave, true);
  return () => {
    settle(false);
    root.removeEventListener("keydown", press, true);
    root.removeEventListener("focusout", leave, true);
  };
};

/** Enter takes the best film that is found. The text goes along: the box may not have sent it yet. */
const listenToSearches = (root, model) => {
  const press = (event) => {
    const box = event.key === "Enter" && event.target.closest?.(".saelib-search");
    if (!box) return;
    event.preventDefault();
    event.stopPropagation();
    const search = [...root.querySelectorAll(".saelib-search")].indexOf(box);
    model.send({ entered: { search, text: event.target.value } });
    event.target.select(); // what is typed next takes its place
  };
  root.addEventListener("keydown", press, true);
  return () => root.removeEventListener("keydown", press, true);
};

/** A finger that swipes up over a track scrolls; one that taps, or draws along the track, rates. */
const listenToFingers = (root) => {
  let began; // where a finger came down on a slider, until it is known what it does
  let handle; // that it draws
  const mouse = (name, target, x, buttons) =>
    target.dispatchEvent(new MouseEvent(name, { clientX: x, buttons, bubbles: true, cancelable: true }));
  const down = (event) => {
    const slider = event.target.closest?.(".noUi-target");
    if (!slider) return;
    event.stopPropagation(); // the slider would take it for a rating; a tap reaches it as a click
    const [finger] = event.touches;
    began = event.touches.length === 1 && { slider, x: finger.clientX, y: finger.clientY };
  };
  const move = (event) => {
    const [finger] = event.touches;
    if (began) {
      const along = Math.abs(finger.clientX - began.x);
      const across = Math.abs(finger.clientY - began.y);
      if (Math.max(along, across) < 8) return;
      if (along > across) {
        handle = began.slider.querySelector(".noUi-handle");
        // Where the handle is, or will be as soon as it has come to rest.
        const { left, width } = began.slider.querySelector(".noUi-base").getBoundingClientRect();
        const share = handle.getAttribute("aria-valuenow") / handle.getAttribute("aria-valuemax");
        mouse("mousedown", handle, left + width * share, 1);
      }
      began = undefined;
    }
    if (handle) mouse("mousemove", handle, finger.clientX, 1);
  };
  const up = () => {
    if (handle) mouse("mouseup", handle, 0, 0);
    began = handle = undefined;
  };
  const listeners = { touchstart: down, touchmove: move, touchend: up, touchcancel: up };
  const how = { capture: true, passive: true };
  for (const [name, act] of Object.entries(listeners)) root.addEventListener(name, act, how);
  return () => {
    for (const [name, act] of Object.entries(listeners)) root.removeEventListener(name, act, how);
  };
};

/** The room that the panel has in height: that of the part of the page which scrolls; and its edge. */
const watchHeight = (root) => {
  let scroller = root.parentElement;
  while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowY)) scroller = scroller.parentElement;
  const look = () => {
    const height = scroller?.clientHeight || window.innerHeight;
    root.style.setProperty("--saelib-height", `${Math.min(height, window.innerHeight)}px`);
    // What sticks, sticks below the padding of what scrolls.
    const padding = scroller ? getComputedStyle(scroller).paddingTop : "0px";
    root.style.setProperty("--saelib-edge", `calc(-1 * ${padding})`);
  };
  const observer = new ResizeObserver(look);
  observer.observe(scroller ?? document.documentElement);
  window.addEventListener("resize", look);
  look();
  return () => {
    observer.disconnect();
    window.removeEventListener("resize", look);
  };
};

/** A file that the socket would not carry is taken from its upload before it is sent. */
const guardUploads = (model) => {
  model.get("uploads").forEach(async (reference, number) => {
    const upload = await model.widget_manager.get_model(reference.replace("IPY_MODEL_", ""));
    const refuse = (name, size) => {
      upload.set({ value: [], error: "" });
      model.send({ refused: { upload: number, name, size } });
    };
    upload.on("change:value", () => {
      const large = upload.get("value").find((file) => file.size > model.get("max_upload"));
      if (large) refuse(large.name, large.size);
    });
    upload.on("change:error", () => {
      if (upload.get("error") !== "") refuse(model.get("words").file, null);
    });
  });
};

const make = (tag, text, act) => {
  const element = Object.assign(document.createElement(tag), { textContent: text });
  if (act) element.className = "jupyter-widgets jupyter-button widget-button";
  if (act) element.addEventListener("click", act);
  return element;
};

/** Say that nobody answers, and what can be done. */
const sayGone = (banner, root, words) => {
  const page = document.body.dataset.voila !== undefined;
  const told = make("p", `${words.gone} ${page ? words.reload : words.runAgain}`);
  const reload = async () => {
    try {
      await fetch(location.href, { method: "HEAD" }); // whatever it answers, it is there
      location.reload();
    } catch {
      told.textContent = fill(words.noServer, { command: "python -m saelib panel" });
    }
  };
  const save = root.querySelector(".saelib-save a").cloneNode(true);
  banner.replaceChildren(told, ...(page ? [make("button", words.reloadNow, reload)] : []), save);
};

/** What was told is kept for this tab, as long as it is open; after a reload it is offered again. */
const keepAnswers = (model, offer) => {
  const key = model.get("store");
  const words = model.get("words");
  const memory = (() => {
    try {
      return window.sessionStorage;
    } catch {
      return undefined; // the browser does not allow it
    }
  })();
  const keep = () => {
    const told = model.get("kept");
    try {
      if (told) memory?.setItem(key, told);
      else memory?.removeItem(key);
    } catch {
      // no room: then there is nothing to offer
    }
  };
  const before = memory?.getItem(key);
  if (before && !model.get("kept")) {
    const close = () => offer.replaceChildren();
    const take = () => {
      model.send({ restore: before });
      close();
    };
    const forget = () => {
      if (!model.get("kept")) memory.removeItem(key);
      close();
    };
    offer.replaceChildren(
      make("p", words.stillHere),
      make("button", words.bringBack, take),
      make("button", words.forget, forget),
    );
  }
  model.on("change:kept", keep);
  return () => model.off("change:kept", keep);
};

/** Call `show` with whether the kernel is gone, now and whenever that changes. */
const watchKernel = (kernel, show) => {
  // A kernel that was started again knows nothing of this panel: there is no way back from that.
  let ended = false;
  const look = () => {
    ended ||= kernel.isDisposed || /^(dead|restarting|autorestarting)$/.test(kernel.status);
    show(ended || kernel.connectionStatus !== "connected");
  };
  const signals = [kernel.statusChanged, kernel.connectionStatusChanged, kernel.disposed];
  for (const signal of signals) signal.connect(look);
  return () => {
    for (const signal of signals) signal.disconnect(look);
  };
};

export default {
  initialize({ model }) {
    guardUploads(model);
  },
  render({ model, el }) {
    let frame;
    let endings = [];
    const words = model.get("words");
    const banner = Object.assign(document.createElement("div"), { className: "saelib-gone", role: "alert" });
    const offer = Object.assign(document.createElement("div"), { className: "saelib-offer", role: "region" });
    offer.ariaLabel = words.before;
    const begin = () => {
      const root = el.closest(".saelib-panel");
      if (!root?.querySelector(".saelib-alert .widget-html-content, .widget-upload")) {
        frame = requestAnimationFrame(begin); // not in the page yet
        return;
      }
      const show = (gone) => {
        if (gone) sayGone(banner, root, words);
        else banner.replaceChildren();
        const dead = root.querySelectorAll(".saelib-columns, .saelib-play, .saelib-buttons button, .saelib-offer");
        for (const part of dead) part.inert = gone;
      };
      const name = () => nameControls(root, model.get("marks"), words);
      name();
      root.prepend(banner, offer);
      const observer = new MutationObserver(name);
      observer.observe(root, {
        childList: true,
        characterData: true,
        subtree: true,
        attributes: true,
        attributeFilter: ["aria-valuetext", "title", "class"],
      });
      const kernel = model.widget_manager.kernel;
      endings = [
        () => observer.disconnect(),
        listenToKeys(root, model),
        listenToSearches(root, model),
        listenToFingers(root),
        watchHeight(root),
        keepAnswers(model, offer),
        kernel ? watchKernel(kernel, show) : () => {},
      ];
    };
    begin();
    return () => {
      cancelAnimationFrame(frame);
      for (const end of endings) end();
      banner.remove();
      offer.remove();
    };
  },
};
