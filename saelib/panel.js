// What ipywidgets leaves to be done in the page: names and values that a screen reader can say,
// and arrow keys that reach the panel's own lists. The looks are in panel.css.

const set = (element, attribute, value) => {
  if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
};

/** '★★★½' as it is said: '3.5 stars'; any other text as it is. */
const spoken = (text) => {
  const stars = (text.match(/★/g) ?? []).length + (text.includes("½") ? 0.5 : 0);
  return stars ? `${stars} ${stars > 1 ? "stars" : stars === 1 ? "star" : "of a star"}` : text;
};

const nameControls = (root) => {
  set(root, "role", "group");
  set(root, "aria-label", "Rating panel");
  // JupyterLab takes arrow keys and Enter for its own shortcuts, save from an element that says so.
  for (const control of root.querySelectorAll("a, button, input, select, .noUi-handle")) {
    set(control, "data-lm-suppress-shortcuts", "true");
  }
  for (const handle of root.querySelectorAll(".noUi-handle")) {
    const slider = handle.closest(".widget-slider");
    const [name] = slider.querySelector(".widget-label").textContent.split("\n");
    set(handle, "aria-label", slider.classList.contains("saelib-film") ? `${name}, stars` : name);
    const readout = slider.querySelector(".widget-readout");
    set(handle, "aria-valuetext", spoken(readout.textContent));
    set(readout, "contenteditable", "false"); // else a second tab stop, where nothing can be typed
  }
  for (const tick of root.querySelectorAll(".saelib-ticks input")) {
    set(tick, "aria-label", `${tick.closest(".widget-checkbox").textContent.trim()}, seen`);
  }
  for (const button of root.querySelectorAll("button[title]:not([title=''])")) {
    set(button, "aria-label", button.title);
  }
  // The upload button counts its files: 'Load profile (0)'.
  for (const text of root.querySelector(".widget-upload").childNodes) {
    if (/ \(\d+\)$/.test(text.nodeValue)) text.nodeValue = text.nodeValue.replace(/ \(\d+\)$/, "");
  }
  set(root.querySelector(".saelib-status .widget-html-content"), "role", "status");
  set(root.querySelector(".saelib-alert .widget-html-content"), "role", "alert");
};

export default {
  render({ el }) {
    let frame;
    let root;
    const observer = new MutationObserver(() => nameControls(root));
    const begin = () => {
      root = el.closest(".saelib-panel");
      if (!root?.querySelector(".saelib-alert .widget-html-content, .widget-upload")) {
        frame = requestAnimationFrame(begin); // not in the page yet
        return;
      }
      nameControls(root);
      observer.observe(root, {
        childList: true,
        characterData: true,
        subtree: true,
        attributes: true,
        attributeFilter: ["aria-valuetext", "title"],
      });
    };
    begin();
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
    };
  },
};
