// Draws what went over the line. Everything is written as text, never as markup.

export const words = JSON.parse(document.getElementById("words").textContent);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const milliseconds = (seconds) => (seconds < 0.9995 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);

// One element a line, for the eye; nothing else is changed.
function readable(text) {
  if (!text.startsWith("{")) return text.replaceAll(/(?<!\]\])>(?=<(?!!\[CDATA\[))/g, ">\n");
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function panel(title, text, empty) {
  const body = element("pre", { tabIndex: 0, textContent: text || empty });
  body.setAttribute("aria-label", title);
  body.classList.toggle("empty", !text);
  return element("figure", {}, element("figcaption", { textContent: title }), body);
}

function tries(step, start) {
  if (step.attempts.length < 2) return [];
  const rows = step.attempts.map((attempt) => element("li", {
    textContent: `${attempt.number}.  +${milliseconds(Math.max(attempt.started_at - start, 0))}  `
      + `${attempt.status ?? attempt.failure}  (${milliseconds(attempt.seconds)})`,
  }));
  return [element("ol", { className: "tries" }, ...rows)];
}

export function drawStep(step, start, open) {
  const last = step.attempts.at(-1);
  const status = element("span", { className: "status", textContent: last.status ?? "—" });
  status.classList.toggle("well", step.accepted);
  const count = step.attempts.length > 1 ? `${step.attempts.length} ${words.attempts} · ` : "";
  const took = step.attempts.reduce((sum, attempt) => sum + attempt.seconds, 0);
  const begun = Math.max(step.attempts[0].started_at - start, 0);
  const summary = element(
    "summary", {},
    element("span", { className: "name", textContent: step.name }), status,
    element("span", { className: "times", textContent: `${count}+${milliseconds(begun)} · ${words.took} ${milliseconds(took)}` }),
    element("span", { className: "because", textContent: step.why, lang: /\p{Script=Han}/u.test(step.why) ? "zh-CN" : "en" }),
  );
  const sent = `${step.sent.method} ${step.sent.url}\n\n${step.sent.body}`.trimEnd();
  const got = step.received.status === null ? "" : `HTTP ${step.received.status}\n\n${step.received.body}`.trimEnd();
  const lines = element(
    "div", { className: "lines" },
    panel(words.as_sent, sent, words.nothing),
    panel(words.as_message, readable(step.message), words.nothing),
    panel(words.as_received, got, step.received.failure || words.nothing),
    panel(words.as_reply, readable(step.reply), words.not_sealed),
  );
  const details = element("details", { className: "step", open }, summary, ...tries(step, start), lines);
  details.dataset.name = step.name;
  return element("li", {}, details);
}
