// Five phones: each polls its thread every second and posts what is written through the script API.

import { readPhoto, samplePhoto } from "./photos.js";
import { say, switchLanguage, translate } from "./words.js";

const CHANNELS = [
  { name: "sms", title: "SMS", badge: "SMS", from: "+6281234500001", other: () => `+62812${digits(8)}` },
  { name: "whatsapp", title: "WhatsApp", badge: "WA", from: "+6281234500002", other: () => `+62813${digits(8)}` },
  { name: "email", title: "Email", badge: "@", from: "siti@warga.example", other: () => `warga${digits(5)}@warga.example` },
  { name: "telegram", title: "Telegram", badge: "TG", from: "Budi", other: () => `Warga${digits(4)}` },
  { name: "x", title: "X", badge: "X", from: "@warga_jkt", other: () => `@warga_${digits(5)}` },
];
const PLACES = [
  ["Monas, Gambir", -6.1754, 106.8272],
  ["Bundaran HI, Menteng", -6.195, 106.823],
  ["Stasiun Manggarai, Tebet", -6.2099, 106.8502],
  ["Pasar Tanah Abang", -6.1868, 106.8114],
  ["Kota Tua, Taman Sari", -6.1352, 106.8133],
  ["Ancol, Pademangan", -6.1251, 106.8368],
  ["Blok M, Kebayoran Baru", -6.2443, 106.7981],
  ["Kampung Melayu, Jatinegara", -6.2246, 106.8664],
  ["Terminal Kalideres", -6.1547, 106.7056],
  ["Taman Mini, Cipayung", -6.3024, 106.8951],
  ["Pulau Pramuka", -5.7456, 106.6139],
];
const PIN = "M12 21s7-6.500 7-12a7 7 0 0 0-14 0c0 5.500 7 12 7 12Zm0-9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z";
const EVERY_MS = 1000;

const digits = (count) => Array.from({ length: count }, () => Math.floor(Math.random() * 10)).join("");

function make(tag, fields = {}, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Text with its web addresses as links. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+)/).map((part, n) =>
    n % 2 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part }) : part);
}

function phone(channel) {
  const root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
  const at = (selector) => root.querySelector(selector);
  const thread = at(".thread"), from = at(".from"), text = at("textarea"), form = at("form");
  const panel = at(".places"), trouble = at(".trouble"), placeButton = at(".place");
  let photos = [], position = null, replyTo = null, pressed = null, shown = null, isPlayed = true, isBusy = false;

  root.dataset.channel = channel.name;
  root.id = `phone-${channel.name}`;
  at("h2").textContent = channel.title;
  at(".badge").textContent = channel.badge;
  from.value = localStorage.getItem(`sandbox ${channel.name}`) || channel.from;

  function complain(words, soft = false) {
    trouble.textContent = words;
    trouble.hidden = !words;
    trouble.classList.toggle("soft", soft);
  }

  function openPlaces(open) {
    panel.hidden = !open;
    placeButton.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const lat = make("input", { inputMode: "decimal", placeholder: say("lat") });
    const long = make("input", { inputMode: "decimal", placeholder: say("long") });
    const use = make("button", { type: "button", textContent: say("own") });
    use.onclick = () => choose(Number(lat.value.replace(",", ".")), Number(long.value.replace(",", ".")));
    panel.replaceChildren(...PLACES.map(([name, y, x]) =>
      make("button", { type: "button", textContent: name, onclick: () => choose(y, x, name) })),
      make("div", { className: "own" }, lat, long, use));
    panel.querySelector("button").focus();
  }

  function choose(lat, long, name = `${lat}, ${long}`) {
    position = { lat, long, name };
    openPlaces(false);
    if (pressed) {
      press(pressed, position);
      position = null;
    }
    showReady();
  }

  function showReady() {
    const chip = (drop, ...inside) => make("li", {}, ...inside,
      make("button", { type: "button", textContent: "×", ariaLabel: say("remove"), onclick: () => { drop(); showReady(); } }));
    const chips = photos.map((photo, n) =>
      chip(() => photos.splice(n, 1), photo.small || make("span", { textContent: photo.name })));
    if (position) chips.push(chip(() => { position = null; }, icon(PIN), make("span", { textContent: position.name })));
    if (replyTo) chips.unshift(chip(() => { replyTo = null; },
      make("span", { textContent: `${say("reply")}: ${replyTo.text || say("photo")}` })));
    at(".ready").replaceChildren(...chips);
  }

  async function post(body) {
    isBusy = at(".send").disabled = true;
    try {
      const answer = await fetch(`/sandbox/api/${channel.name}/messages`, {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ from: from.value, ...body }),
      });
      const got = await answer.json();
      if (!answer.ok) complain(`${say("failed")}: ${got.error}`);
      else if (got.refused) complain(`${say("refused")} (${got.refused})`);
      else complain(got.delivered ? "" : say("waiting"), true);
      return { ok: answer.ok, got };
    } catch {
      complain(say("away"));
      return { ok: false, got: {} };
    } finally {
      isBusy = at(".send").disabled = false;
      refresh();
    }
  }

  async function send() {
    if (isBusy || (!text.value.trim() && !photos.length && !position)) return;
    const body = { text: text.value, photos: photos.map((photo) => photo.text) };
    if (position) Object.assign(body, { lat: position.lat, long: position.long });
    if (replyTo) body.reply_to = replyTo.id;
    if (!(await post(body)).ok) return;
    photos = [];
    position = replyTo = null;
    text.value = "";
    grow();
    showReady();
    thread.scrollTop = thread.scrollHeight;
  }

  async function press(words, spot = null) {
    pressed = null;
    const { ok, got } = await post(spot ? { press: words, lat: spot.lat, long: spot.long } : { press: words });
    if (ok || spot || !/lat and long/.test(got.error || "")) return;
    pressed = words; // a button that shares a place: ask for one
    complain(say("choose"), true);
    openPlaces(true);
  }

  function bubble(message) {
    const body = make("div", { className: "body" });
    for (const url of message.photo_urls) {
      const image = make("img", { src: url, alt: say("photo"), loading: "lazy" });
      image.onerror = () => image.replaceWith(make("span", { className: "thing", textContent: `[${say("file")}] ` }));
      body.append(image);
    }
    if (message.photos > message.photo_urls.length) body.append(`[${say("photo")} × ${message.photos}] `);
    body.append(...linked(message.text));
    if (message.lat !== null) body.append(make("span", { className: "spot" }, icon(PIN), `${message.lat}, ${message.long}`));
    const at = new Date(message.at);
    body.append(make("time", { dateTime: message.at, title: at.toLocaleString(),
      textContent: at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }) }));
    const item = make("li", { className: message.direction === "in" ? "bubble mine" : "bubble" }, body);
    item.append(make("button", { type: "button", className: "answer", textContent: say("reply"),
      onclick: () => { replyTo = message; showReady(); text.focus(); } }));
    if (message.buttons.length) item.append(make("div", { className: "presses" },
      ...message.buttons.map((words) => make("button", { type: "button", textContent: words, onclick: () => press(words) }))));
    return item;
  }

  function showThread(messages) {
    const atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60;
    thread.replaceChildren(...messages.map(bubble));
    if (!messages.length) thread.append(make("li", { className: "empty", textContent: say(isPlayed ? "empty" : "off") }));
    if (messages.at(-1)?.direction === "out" && trouble.classList.contains("soft")) complain("");
    if (atEnd) requestAnimationFrame(() => { thread.scrollTop = thread.scrollHeight; });
  }

  async function refresh(anew = false) {
    if (anew) shown = null;
    try {
      const answer = await fetch(`/sandbox/api/${channel.name}/${encodeURIComponent(from.value)}`);
      const got = await answer.text();
      if (got === shown) return;
      shown = got;
      showThread(JSON.parse(got).messages || []);
    } catch {
      complain(say("away"));
    }
  }

  function become(name) {
    from.value = name;
    localStorage.setItem(`sandbox ${channel.name}`, name);
    refresh(true);
  }

  function grow() {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  }

  async function attach(files) {
    for (const file of files) photos.push(await readPhoto(file, file.name));
    showReady();
  }

  form.onsubmit = (submit) => { submit.preventDefault(); send(); };
  text.oninput = grow;
  text.onkeydown = (key) => {
    if (key.key === "Enter" && !key.shiftKey && !key.isComposing) { key.preventDefault(); send(); }
  };
  from.onchange = () => become(from.value.trim() || channel.from);
  at(".fresh").onclick = () => become(channel.other());
  at(".attach").onclick = () => at(".file").click();
  at(".file").onchange = async () => { await attach(at(".file").files); at(".file").value = ""; };
  at(".sample").onclick = async () => { photos.push(await samplePhoto()); showReady(); };
  placeButton.onclick = () => { pressed = null; openPlaces(panel.hidden); };

  function play(state) {
    isPlayed = state.played;
    root.classList.toggle("off", !isPlayed);
    at(".to").textContent = `${say("to")} ${state.to}`;
    refresh(true);
  }

  return { root, channel, refresh, play, showReady };
}

const phones = CHANNELS.map(phone);
document.getElementById("phones").append(...phones.map((one) => one.root));
document.getElementById("chips").append(...CHANNELS.map((channel) =>
  make("a", { href: `#phone-${channel.name}`, textContent: channel.title })));

async function start() {
  translate(document);
  document.getElementById("language").textContent = say("other");
  const { channels } = await (await fetch("/sandbox/api/channels")).json();
  for (const one of phones) { one.play(channels[one.channel.name]); one.showReady(); }
}

document.getElementById("language").onclick = () => { switchLanguage(); start(); };
setInterval(() => { if (!document.hidden) phones.forEach((one) => one.refresh()); }, EVERY_MS);
start();
