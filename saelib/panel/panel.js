// What is left to be done in the page: names and values that a screen reader can say, arrow keys
// that reach the panel's own lists, files too large to be sent, and a word when nobody answers any
// more. The looks are in panel.css.

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

/** A file that the socket would not carry is taken from the upload before it is sent. */
const guardUpload = async (model) => {
  const id = model.get("upload").replace("IPY_MODEL_", "");
  const upload = await model.widget_manager.get_model(id);
  const refuse = (name, size) => {
    upload.set({ value: [], error: "" });
    model.send({ name, size });
  };
  upload.on("change:value", () => {
    const [file] = upload.get("value");
    if (file?.size > model.get("max_upload")) refuse(file.name, file.size);
  });
  upload.on("change:error", () => {
    if (upload.get("error") !== "") refuse("The file", null);
  });
};

const GONE = `Nothing answers any more: the program behind this panel has ended, or the connection \
to it is broken. What you told before is not lost: press Save profile. Then reload the page (in a \
notebook: run the cell again) and press Load profile. If the page does not open, start it anew: \
python -m saelib panel.`;

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
    guardUpload(model);
  },
  render({ model, el }) {
    let frame;
    let root;
    let unwatch;
    const banner = document.createElement("div");
    banner.className = "saelib-gone";
    banner.role = "alert";
    const show = (gone) => {
      banner.textContent = gone ? GONE : "";
      const dead = root.querySelectorAll(".saelib-columns, .saelib-buttons button");
      for (const part of dead) part.inert = gone;
    };
    const observer = new MutationObserver(() => nameControls(root));
    const begin = () => {
      root = el.closest(".saelib-panel");
      if (!root?.querySelector(".saelib-alert .widget-html-content, .widget-upload")) {
        frame = requestAnimationFrame(begin); // not in the page yet
        return;
      }
      nameControls(root);
      root.prepend(banner);
      const kernel = model.widget_manager.kernel;
      if (kernel) unwatch = watchKernel(kernel, show);
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
      unwatch?.();
      banner.remove();
    };
  },
};
