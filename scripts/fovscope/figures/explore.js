"use strict";
// The explorer: one state, plain functions, two canvases (points, and what lies over them).
// Names of images and classes are text everywhere (textContent), never HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const REACH = 14; // pixels from a pointer within which a point is meant
const MOST_SHOWN = 120; // thumbnails of a selection
const MARGIN = { left: 46, right: 12, top: 10, bottom: 34 };

let set; // the images on show, by one model
let view; // what part of the plane is seen: [left, right, bottom, top]
let hovered = -1;
let drag = null;

// Data ---------------------------------------------------------------------------------------

function bytes(text) {
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let k = 0; k < raw.length; k++) found[k] = raw.charCodeAt(k);
  return found;
}

const floats = (text) => new Float32Array(bytes(text).buffer);

/** Return a set as it is worked with: numbers by axis, nothing filtered, nothing selected. */
function opened(raw) {
  const count = raw.ids.length;
  const columns = (text) => {
    const all = floats(text);
    return Array.from({ length: all.length / count }, (_, k) => all.subarray(k * count, (k + 1) * count));
  };
  const codes = columns(raw.codes);
  const map = columns(raw.map);
  const used = raw.weights.map((weight, k) => (weight > 0 ? k : -1)).filter((k) => k >= 0);
  return {
    ...raw, count, codes, used,
    axes: [...codes, ...map],
    names: [...raw.dimensions, ...map.map((_, k) => `t-SNE ${k + 1}`)],
    odd: floats(raw.oddness),
    across: raw.start[0], up: raw.start[1],
    shown: new Uint8Array(count).fill(1),
    selected: new Uint8Array(count),
    off: { class: new Set(), split: new Set() },
    point: codes.map((column) => column.slice().sort()[count >> 1]),
    picked: -1, nearest: -1,
    screen: [new Float32Array(count), new Float32Array(count)],
  };
}

/** Return the shown images with the smallest values, the smallest first. */
function smallest(values, most, but = -1) {
  const best = [];
  for (let i = 0; i < set.count; i++) {
    if (!set.shown[i] || i === but) continue;
    if (best.length === most && values[i] >= values[best[most - 1]]) continue;
    let place = best.length;
    while (place > 0 && values[best[place - 1]] > values[i]) place--;
    best.splice(place, 0, i);
    if (best.length > most) best.pop();
  }
  return best;
}

/** Return the shown images nearest to a point of the latent space. */
function nearest(point, most, but = -1) {
  const distance = new Float64Array(set.count);
  for (const k of set.used) {
    const column = set.codes[k];
    const weight = set.weights[k];
    for (let i = 0; i < set.count; i++) distance[i] += ((column[i] - point[k]) * weight) ** 2;
  }
  return smallest(distance, most, but);
}

const oddest = (most) => smallest(set.odd.map((value) => -value), most);
const codesOf = (i) => set.codes.map((column) => column[i]);
const className = (i) => (set.classes.length ? set.classes[set.class[i]] : "");
const described = (i) => [set.ids[i], className(i), set.splits[set.split[i]]].filter(Boolean).join(", ");
const indices = (marks) => [...marks.keys()].filter((i) => marks[i]);

/** Return images as a table: comma-separated, as RFC 4180 has it. */
function csv(rows) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const number = (value) => String(Number(value.toPrecision(9))); // tells 32-bit floats apart
  const lines = rows.map((i) => [
    set.ids[i], ...(set.classes.length ? [className(i)] : []), set.splits[set.split[i]],
    ...codesOf(i).map(number), number(set.odd[i]),
  ]);
  const head = ["image_id", ...(set.classes.length ? ["class"] : []), "split", ...set.dimensions, "oddness"];
  return [head, ...lines].map((line) => line.map(cell).join(",") + "\r\n").join("");
}

// Pictures -----------------------------------------------------------------------------------

const sheets = new Map(); // by data set and number: an address that styles can name

function thumbnail(i, size) {
  const { side, columns, per_sheet: perSheet, sheets: files } = data.pictures[set.dataset];
  const sheet = Math.floor(i / perSheet);
  const key = `${set.dataset}/${sheet}`;
  if (!sheets.has(key)) {
    sheets.set(key, URL.createObjectURL(new Blob([bytes(files[sheet])], { type: "image/webp" })));
  }
  const place = i % perSheet;
  const picture = element("span", "thumb");
  Object.assign(picture.style, {
    width: `${size}px`, height: `${size}px`,
    backgroundImage: `url(${sheets.get(key)})`,
    backgroundSize: `${columns * size}px auto`,
    backgroundPosition: `${-(place % columns) * size}px ${-Math.floor(place / columns) * size}px`,
  });
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `Image ${described(i)}`);
  return picture;
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Fill a list with images that can be picked. */
function list(where, images) {
  where.replaceChildren(...images.map((i) => {
    const button = element("button");
    button.type = "button";
    button.title = described(i);
    button.append(thumbnail(i, 56), className(i) || set.ids[i]);
    button.addEventListener("click", () => pick(i));
    const item = element("li");
    item.append(button);
    return item;
  }));
}

/** Show one image with what is known of it. */
function showImage(i) {
  if (i < 0) return $("image").replaceChildren(element("p", "quiet", "No image is shown."));
  const text = element("div");
  const lines = [className(i), set.splits[set.split[i]], `oddness ${set.odd[i].toFixed(2)}`];
  text.append(element("strong", "", set.ids[i]), ...lines.filter(Boolean).map((line) => element("p", "", line)));
  $("image").replaceChildren(thumbnail(i, 112), text);
}

// Drawing ------------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Return the mark of a class. */
function stamp({ color, marker }, radius, scale) {
  const made = document.createElement("canvas");
  made.width = made.height = Math.ceil((2 * radius + 2) * scale);
  const pen = made.getContext("2d");
  pen.scale(scale, scale);
  pen.translate(radius + 1, radius + 1);
  pen.fillStyle = color === "#000000" ? colour("--ink") : color;
  const corners = [0, 3, 4, 3, 4, 5][marker]; // as the figures have them: o ^ s v D P
  const turn = [0, -90, 45, 90, 0, -90][marker] * (Math.PI / 180);
  pen.beginPath();
  if (!corners) pen.arc(0, 0, radius, 0, 2 * Math.PI);
  for (let k = 0; k < corners; k++) {
    const angle = turn + (2 * Math.PI * k) / corners;
    pen.lineTo(1.15 * radius * Math.cos(angle), 1.15 * radius * Math.sin(angle));
  }
  pen.fill();
  return made;
}

function sized(canvas) {
  const { clientWidth: width, clientHeight: height } = $("plot");
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.scale(scale, scale);
  return { pen, width, height, scale };
}

/** Return round numbers between two ends. */
function ticks(low, high, about) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(Number((k * step).toPrecision(6)));
  return found;
}

/** Draw all shown points: those that are not selected paler, where some are. */
function draw() {
  const { pen, width, height, scale } = sized($("points"));
  const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const toX = (value) => MARGIN.left + ((value - view[0]) / (view[1] - view[0])) * inner[0];
  const toY = (value) => MARGIN.top + ((view[3] - value) / (view[3] - view[2])) * inner[1];
  drawAxes(pen, toX, toY, width, height);
  const [across, up, [xs, ys]] = [set.axes[set.across], set.axes[set.up], set.screen];
  const [left, top] = [Math.round(MARGIN.left * scale), Math.round(MARGIN.top * scale)];
  const image = pen.getImageData(left, top, Math.round(inner[0] * scale), Math.round(inner[1] * scale));
  const marks = set.styles.map((style) => pixelsOf(stamp(style, set.count > 5000 ? 2 : 3.5, scale)));
  const some = set.selected.includes(1);
  for (const selected of some ? [0, 1] : [0]) {
    for (let i = 0; i < set.count; i++) {
      if (!set.shown[i] || set.selected[i] !== selected) continue;
      xs[i] = toX(across[i]);
      ys[i] = toY(up[i]);
      blend(image, marks[set.class[i]], xs[i] * scale - left, ys[i] * scale - top, some && !selected ? 0.25 : 0.8);
    }
  }
  pen.putImageData(image, left, top);
  set.toScreen = [toX, toY];
  drawOver();
}

const pixelsOf = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);

/** Lay a mark over an opaque image: a canvas takes ten times as long for 20,000 of them. */
function blend({ data: image, width, height }, mark, x, y, opacity) {
  const [left, top] = [Math.round(x - mark.width / 2), Math.round(y - mark.height / 2)];
  if (left <= -mark.width || top <= -mark.height || left >= width || top >= height) return;
  const { data: ink, width: columns, height: rows } = mark;
  for (let row = Math.max(0, -top); row < Math.min(rows, height - top); row++) {
    for (let column = Math.max(0, -left); column < Math.min(columns, width - left); column++) {
      const from = 4 * (row * columns + column);
      if (!ink[from + 3]) continue;
      const share = (ink[from + 3] / 255) * opacity;
      const to = 4 * ((top + row) * width + left + column);
      for (let k = 0; k < 3; k++) image[to + k] += (ink[from + k] - image[to + k]) * share;
    }
  }
}

function drawAxes(pen, toX, toY, width, height) {
  pen.fillStyle = colour("--paper");
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = colour("--quiet");
  pen.strokeStyle = colour("--line");
  pen.font = "11px system-ui, sans-serif";
  pen.lineWidth = 0.5;
  pen.textAlign = "center";
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  pen.beginPath();
  const numbers = set.across < set.codes.length; // those of a map mean nothing
  for (const value of numbers ? ticks(view[0], view[1], width / 110) : []) {
    pen.moveTo(toX(value), MARGIN.top);
    pen.lineTo(toX(value), bottom);
    pen.fillText(value, toX(value), bottom + 13);
  }
  pen.textAlign = "right";
  for (const value of numbers ? ticks(view[2], view[3], height / 90) : []) {
    pen.moveTo(MARGIN.left, toY(value));
    pen.lineTo(right, toY(value));
    pen.fillText(value, MARGIN.left - 5, toY(value) + 4);
  }
  pen.stroke();
  pen.fillStyle = colour("--ink");
  pen.textAlign = "center";
  pen.fillText(set.names[set.across], (MARGIN.left + right) / 2, height - 6, right - MARGIN.left);
  pen.translate(11, (MARGIN.top + bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(set.names[set.up], 0, 0, bottom - MARGIN.top);
  pen.rotate(Math.PI / 2);
  pen.translate(-11, -(MARGIN.top + bottom) / 2);
}

/** Draw what changes with each move: rings, the point of the sliders, the frame of a selection. */
function drawOver() {
  const { pen } = sized($("over"));
  const [xs, ys] = set.screen;
  const ring = (i, color, radius) => {
    if (i < 0 || !set.shown[i]) return;
    pen.strokeStyle = color;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(xs[i], ys[i], radius, 0, 2 * Math.PI);
    pen.stroke();
  };
  ring(hovered, colour("--ink"), 6);
  ring(set.nearest, colour(set.picked < 0 ? "--near" : "--accent"), 9);
  if (set.across < set.codes.length && set.up < set.codes.length) {
    const [x, y] = [set.toScreen[0](set.point[set.across]), set.toScreen[1](set.point[set.up])];
    pen.strokeStyle = colour("--near");
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x - 7, y); pen.lineTo(x + 7, y); pen.moveTo(x, y - 7); pen.lineTo(x, y + 7);
    pen.stroke();
  }
  if (drag?.frame) {
    const [x, y, x2, y2] = drag.frame;
    pen.strokeStyle = colour("--accent");
    pen.setLineDash([5, 4]);
    pen.strokeRect(x, y, x2 - x, y2 - y);
  }
}

/** See all points, or zoom around a place of the canvas. */
function fit() {
  const ends = (values) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    const room = (high - low || 1) * 0.04;
    return [low - room, high + room];
  };
  view = [...ends(set.axes[set.across]), ...ends(set.axes[set.up])];
  draw();
}

const inPlane = (x, y) => {
  const { clientWidth: width, clientHeight: height } = $("plot");
  const right = (x - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
  const down = (y - MARGIN.top) / (height - MARGIN.top - MARGIN.bottom);
  return [view[0] + right * (view[1] - view[0]), view[3] - down * (view[3] - view[2])];
};

function zoom(factor, x = $("plot").clientWidth / 2, y = $("plot").clientHeight / 2) {
  const [px, py] = inPlane(x, y);
  view = view.map((end, k) => (k < 2 ? px : py) + (end - (k < 2 ? px : py)) * factor);
  draw();
}

// What a person does -------------------------------------------------------------------------

function pick(i) {
  set.picked = i;
  set.point = codesOf(i);
  showSliders();
  move();
}

/** Show what is nearest to the point of the sliders, which is that of an image if one is picked. */
function move() {
  const images = nearest(set.point, 10, set.picked);
  set.nearest = set.picked >= 0 ? set.picked : images[0] ?? -1;
  $("what").textContent = set.picked >= 0 ? "Image" : "Image nearest to the point";
  $("centre").textContent = set.picked >= 0 ? "image" : "point";
  showImage(set.nearest);
  list($("near"), images);
  drawOver();
}

function filter() {
  for (let i = 0; i < set.count; i++) {
    set.shown[i] = !set.off.class.has(set.class[i]) && !set.off.split.has(set.split[i]);
    set.selected[i] &= set.shown[i];
  }
  hovered = -1;
  if (set.picked >= 0 && !set.shown[set.picked]) set.picked = -1;
  list($("odd"), oddest(10));
  select();
  move();
}

/** Show the selection after it changed. */
function select() {
  const rows = indices(set.selected);
  const shown = indices(set.shown).length;
  $("count").textContent = rows.length.toLocaleString("en");
  $("status").textContent = `${shown.toLocaleString("en")} of ${set.count.toLocaleString("en")} images shown, ${rows.length.toLocaleString("en")} selected`;
  $("save").disabled = !rows.length;
  list($("selection"), rows.slice(0, MOST_SHOWN));
  const more = rows.length - MOST_SHOWN;
  $("more").textContent = more > 0 ? `and ${more.toLocaleString("en")} more; all of them are in the download` : "";
  draw();
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(indices(set.selected))], { type: "text/csv" }));
  link.download = `${set.dataset}_selection.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Return the shown image under a place of the canvas, -1 where there is none. */
function under(x, y, reach = REACH) {
  const [xs, ys] = set.screen;
  let [best, least] = [-1, reach ** 2];
  for (let i = 0; i < set.count; i++) {
    const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
    if (set.shown[i] && distance < least) [best, least] = [i, distance];
  }
  return best;
}

function hover(i) {
  const tip = $("tip");
  if (i === hovered && !tip.hidden === i >= 0) return;
  hovered = i;
  tip.hidden = i < 0;
  drawOver();
  if (i < 0) return;
  const [x, y] = [set.screen[0][i], set.screen[1][i]];
  tip.replaceChildren(thumbnail(i, 96), described(i));
  tip.style.left = `${Math.max(0, x + 14 + tip.offsetWidth < $("plot").clientWidth ? x + 14 : x - 14 - tip.offsetWidth)}px`;
  tip.style.top = `${Math.max(0, Math.min(y - 50, $("plot").clientHeight - tip.offsetHeight))}px`;
}

/** Go from the image in focus to the next one in a direction. */
function step(dx, dy) {
  const [xs, ys] = set.screen;
  if (hovered < 0) return hover(set.picked >= 0 ? set.picked : under($("plot").clientWidth / 2, $("plot").clientHeight / 2, 1e6));
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < set.count; i++) {
    if (!set.shown[i] || i === hovered) continue;
    const along = (xs[i] - xs[hovered]) * dx + (ys[i] - ys[hovered]) * dy;
    const aside = Math.abs((xs[i] - xs[hovered]) * dy) + Math.abs((ys[i] - ys[hovered]) * dx);
    const cost = along + 2 * aside;
    if (along > 0.5 && cost < least) [best, least] = [i, cost];
  }
  if (best >= 0) hover(best);
}

const KEYS = {
  ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
  Enter: () => hovered >= 0 && pick(hovered),
  " ": () => { if (hovered >= 0) { set.selected[hovered] ^= 1; select(); } },
  "+": () => zoom(0.7), "-": () => zoom(1 / 0.7), 0: fit,
  Escape: () => { set.selected.fill(0); hover(-1); select(); },
};

function listen(canvas) {
  const at = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    drag = { from: at(event), moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!drag) return hover(under(x, y));
    const [fromX, fromY] = drag.from;
    drag.moved ||= Math.hypot(x - fromX, y - fromY) > 4;
    if (!drag.moved) return;
    hover(-1);
    if ($("selects").checked) {
      drag.frame = [fromX, fromY, x, y];
      return drawOver();
    }
    const [[px, py], [qx, qy]] = [inPlane(fromX, fromY), inPlane(x, y)];
    drag.from = [x, y];
    view = [view[0] + px - qx, view[1] + px - qx, view[2] + py - qy, view[3] + py - qy];
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const done = drag;
    drag = null;
    if (!done) return;
    if (!done.moved) {
      const i = under(...at(event), event.pointerType === "touch" ? 2 * REACH : REACH);
      hover(i);
      return i >= 0 && pick(i);
    }
    if (done.frame) frame(done.frame, event.shiftKey);
  });
  canvas.addEventListener("pointercancel", () => { drag = null; drawOver(); });
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.85 : 1 / 0.85, ...at(event));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}

function frame([x, y, x2, y2], add) {
  const [xs, ys] = set.screen;
  if (!add) set.selected.fill(0);
  for (let i = 0; i < set.count; i++) {
    const within = (xs[i] - x) * (xs[i] - x2) <= 0 && (ys[i] - y) * (ys[i] - y2) <= 0;
    if (set.shown[i] && within) set.selected[i] = 1;
  }
  select();
}

// Controls -----------------------------------------------------------------------------------

function options(where, names, chosen) {
  where.replaceChildren(...names.map((name, k) => new Option(name, k, false, k === chosen)));
}

function checks(kind, names) {
  $(kind).replaceChildren(...names.map((name, k) => {
    const label = element("label");
    const box = element("input");
    Object.assign(box, { type: "checkbox", checked: !set.off[kind].has(k) });
    box.addEventListener("change", () => { set.off[kind][box.checked ? "delete" : "add"](k); filter(); });
    const count = set[kind].reduce((sum, each) => sum + (each === k), 0);
    label.append(box, ...(kind === "class" ? [mark(k)] : []), `${name} (${count.toLocaleString("en")})`);
    return label;
  }));
}

function mark(k) {
  const made = stamp(set.styles[k], 5, window.devicePixelRatio || 1);
  Object.assign(made.style, { width: "12px", height: "12px" });
  made.setAttribute("aria-hidden", "true");
  return made;
}

function showSliders() {
  $("sliders").replaceChildren(...set.used.map((k) => {
    const row = element("div", "slider");
    const [label, input, value] = [element("label", "", set.dimensions[k]), element("input"), element("output")];
    const column = set.codes[k];
    const [low, high] = [column.reduce((a, b) => Math.min(a, b)), column.reduce((a, b) => Math.max(a, b))];
    label.htmlFor = input.id = `slider${k}`;
    Object.assign(input, { type: "range", min: low, max: high, step: "any", value: set.point[k] });
    const say = () => { value.textContent = set.point[k].toFixed(2); };
    input.addEventListener("input", () => { 
      set.point[k] = Number(input.value);
      set.picked = -1;
      say();
      move();
    });
    say();
    row.append(label, input, value);
    return row;
  }));
}

/** Show two axes; of a map both, because one of them means nothing alone. */
function setAxes(across, up) {
  const d = set.codes.length;
  if ((across >= d) !== (up >= d)) {
    const changed = across !== set.across ? across : up;
    [across, up] = changed >= d ? [d, d + 1] : across < d ? [across, across ? 0 : d - 1] : [up ? 0 : d - 1, up];
  }
  [set.across, set.up] = [across, up];
  options($("x"), set.names, across);
  options($("y"), set.names, up);
  $("over").setAttribute("aria-label", `Scatter plot of ${set.count} images: ${set.names[across]} across, ${set.names[up]} up`);
  fit();
}

function open(k) {
  set = opened(data.sets[k]);
  hovered = -1;
  const of = set.of > set.count ? `${set.count.toLocaleString("en")} of ${set.of.toLocaleString("en")} images, drawn at random` : `${set.count.toLocaleString("en")} images`;
  $("about").textContent = `${of}; model ${set.model}`;
  $("classes").hidden = !set.classes.length;
  $("map").hidden = set.axes.length === set.codes.length;
  checks("class", set.classes);
  checks("split", set.splits);
  showSliders();
  setAxes(set.across, set.up);
  filter();
}

function everyClass(on) {
  set.off.class = new Set(on ? [] : set.classes.keys());
  checks("class", set.classes);
  filter();
}

const touch = () => $("over").classList.toggle("selects", $("selects").checked);
const models = new Set(data.sets.map((each) => each.model));
options($("set"), data.sets.map((each) => (models.size > 1 ? `${each.dataset} (${each.model})` : each.dataset)), 0);
$("set").addEventListener("change", () => open(Number($("set").value)));
for (const id of ["x", "y"]) $(id).addEventListener("change", () => setAxes(Number($("x").value), Number($("y").value)));
$("map").addEventListener("click", () => setAxes(set.codes.length, set.codes.length + 1));
$("in").addEventListener("click", KEYS["+"]);
$("out").addEventListener("click", KEYS["-"]);
$("all").addEventListener("click", fit);
$("every").addEventListener("click", () => everyClass(true));
$("none").addEventListener("click", () => everyClass(false));
$("take").addEventListener("click", () => { set.selected.set(set.shown); select(); });
$("clear").addEventListener("click", KEYS.Escape);
$("save").addEventListener("click", save);
$("selects").checked = !matchMedia("(pointer: coarse)").matches; // a finger scrolls the page
$("selects").addEventListener("change", touch);
touch();
listen($("over"));
open(0);
new ResizeObserver(draw).observe($("plot"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { checks("class", set.classes); draw(); });
