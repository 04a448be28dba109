// The phone: chooses, scans, shows. It talks to nobody but the server that it came from.

import { drawStep, element, words } from "./steps.js";

const REGION_AFTER_MS = 1500; // user_scan_product_async comes late
const LASER_MS = 500; // so that a scan can be seen
const PROVINCES = ["110000", "310000", "330000", "370000", "510000", "610000", "650000"];

const at = (id) => document.getElementById(id);
const account = () => chosen("account")?.value ?? ""; // none is there until one has a callback URL
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`);
const waited = (ms) => new Promise((done) => { setTimeout(done, ms); });
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

let last = null; // the scan that is shown
let busy = false;
let region = 0; // the timer of the late push
let province = 0;

async function ask(url, body) {
  let response;
  try {
    response = await fetch(`${url}?lang=${document.body.dataset.language}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error(words.gone);
  }
  const answer = await response.json().catch(() => ({ error: words.gone }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function code() {
  const sample = chosen("code");
  if (sample.value !== "typed") return { ...sample.dataset };
  return { keystandard: at("keystandard").value.trim(), keystr: at("keystr").value.trim(), extinfo: at("extinfo").value };
}

function say(text, shown = "") {
  const outcome = at("outcome");
  outcome.replaceChildren();
  delete outcome.dataset.shown;
  if (shown) {
    outcome.dataset.shown = shown;
    outcome.append(element("strong", { className: "pill", textContent: words[shown] ?? shown }), " ");
  }
  outcome.append(element("span", { textContent: text }));
}

function hold(held) {
  busy = held;
  at("finder").classList.toggle("asking", held);
  at("result").setAttribute("aria-busy", String(held));
  at("scan").setAttribute("aria-disabled", String(held));
  at("repeat").setAttribute("aria-disabled", String(held || last === null));
}

function showFinder(focused) {
  at("result").hidden = true;
  at("finder").hidden = false;
  if (focused) at("scan").focus();
}

function showResult(scan, focused) {
  at("product").textContent = scan.item.keystr;
  at("fact-keystr").textContent = scan.item.keystr;
  at("fact-extinfo").textContent = scan.item.extinfo || words.no_ext_info;
  at("verdict").textContent = words[scan.shown];
  at("verdict-text").textContent = words[`${scan.shown}_text`];
  const fresh = at("window").cloneNode(true); // so that the window rises again
  fresh.dataset.shown = scan.shown;
  at("window").replaceWith(fresh);
  at("landing").hidden = !scan.landing;
  if (scan.landing) at("landing").href = scan.landing;
  at("finder").hidden = true;
  at("result").hidden = false;
  if (focused) at("product").focus({ preventScroll: true });
}

function showTyped() {
  at("typed-fields").hidden = chosen("code").value !== "typed";
}

async function tellRegion(scan, start) {
  try {
    const { step } = await ask(`${document.body.dataset.scans}/${scan.id}/region`, {});
    if (last === scan) at("steps").append(drawStep(step, start, false));
  } catch (error) {
    if (last === scan) at("steps").append(element("li", { textContent: error.message }));
  } finally {
    if (last === scan) document.querySelector(".coming")?.remove();
  }
}

function draw(scan, note) {
  const start = Math.min(...scan.steps.map((step) => step.attempts[0].started_at));
  at("steps").replaceChildren(...scan.steps.map((step) => drawStep(step, start, step.name === "scan_product_callback")));
  say([scan.why, note].filter(Boolean).join(" · "), scan.shown);
  return start;
}

// What every way of scanning has in common: wait, show, and tell later where it was.
async function run(asking, { note = () => "", late = true } = {}) {
  if (busy) return;
  const fromPhone = document.activeElement === at("scan");
  clearTimeout(region);
  document.querySelector(".coming")?.remove();
  showFinder(false);
  hold(true);
  say(words.asking);
  try {
    const [scan] = await Promise.all([asking(), waited(still ? 0 : LASER_MS)]);
    const before = last;
    last = scan;
    showResult(scan, fromPhone);
    const start = draw(scan, note(scan, before));
    if (late && scan.steps.at(-1)?.accepted) {
      at("steps").append(element("li", { className: "coming because", textContent: words.later }));
      region = setTimeout(tellRegion, REGION_AFTER_MS, scan, start);
    }
  } catch (error) {
    at("steps").replaceChildren();
    say(error.message);
  } finally {
    hold(false);
  }
}

function scan(varied = {}, note = undefined) {
  const body = { account: account(), mode: chosen("mode").value, format: chosen("format").value, ...code(), ...varied };
  return run(() => ask(document.body.dataset.scans, body), { note });
}

function repeat() {
  if (last === null || busy) return undefined;
  const again = `${document.body.dataset.scans}/${last.id}/repeat`;
  return run(() => ask(again, {}), { late: false, note: (now, before) => (now.shown === before.shown ? words.same : "") });
}

async function verify() {
  if (busy) return;
  hold(true);
  clearTimeout(region);
  try {
    const { step } = await ask(document.body.dataset.verifications, { account: account() });
    at("steps").replaceChildren(drawStep(step, step.attempts[0].started_at, true));
    say(`${step.accepted ? words.verified : words.not_verified}: ${step.why}`);
  } catch (error) {
    say(error.message);
  } finally {
    hold(false);
  }
}

function tick() {
  at("hour").textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
}

at("finder").addEventListener("submit", (event) => { event.preventDefault(); scan(); });
at("finder").addEventListener("change", showTyped);
at("again").addEventListener("click", () => showFinder(true));
at("repeat").addEventListener("click", repeat);
at("second-person").addEventListener("click", () => scan({ person: "2" }, (now) => `${words.person}: ${now.person}`));
at("other-province").addEventListener("click", () => {
  province = (province + 1) % PROVINCES.length;
  scan({ region: PROVINCES[province] }, (now) => `${words.scanned_in}: ${now.region}`);
});
at("forged").addEventListener("click", () => scan({ fault: "signature" }));
at("old").addEventListener("click", () => scan({ fault: "timestamp" }));
at("verify-url").addEventListener("click", verify);
tick();
setInterval(tick, 10000);
showTyped(); // a code may have been chosen before this ran
for (const button of document.querySelectorAll("button")) button.disabled = false; // from here on each one does what it says
