// A person at a browser: follows redirects with their cookies, fills in the forms of the login, and agrees; with the
// argument `deny` goes away instead. Prints the last page.
const [start, deny] = process.argv.slice(2);
const cookies = new Map();
const deadline = AbortSignal.timeout(30_000);

async function open(url, form) {
  for (let turn = 0; turn < 20; turn++) {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const body = form && new URLSearchParams(form);
    const reply = await fetch(url, { method: form ? "POST" : "GET", headers, body, redirect: "manual", signal: deadline });
    for (const cookie of reply.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      value ? cookies.set(name, value) : cookies.delete(name);
    }
    if (reply.status < 300 || reply.status > 399) return { url, status: reply.status, page: await reply.text() };
    url = new URL(reply.headers.get("location"), url).href;
    form = undefined;
  }
  throw new Error(`too many redirects to ${url}`);
}

const attribute = (tag, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll("&amp;", "&");

let { url, status, page } = await open(start);
for (let turn = 0; turn < 6; turn++) {
  const form = /<form[^]*?<\/form>/.exec(page)?.[0];
  if (!form) break;
  const away = [...page.matchAll(/<a [^>]*href="([^"]*\/abort)"/g)][0]?.[1];
  if (deny && away) {
    ({ url, status, page } = await open(new URL(away, url).href));
    continue;
  }
  const fields = {};
  for (const [tag] of form.matchAll(/<(?:input|button)[^>]*>/g)) {
    const name = attribute(tag, "name");
    const given = { login: "ada", password: "lovelace" }[name];
    if (name && !(name === "abort" && !deny)) fields[name] = given ?? attribute(tag, "value") ?? "";
  }
  ({ url, status, page } = await open(new URL(attribute(form, "action"), url).href, fields));
}
console.log(status, page);
