#include "features/instance/page.h"

namespace stampede::instance {

std::string_view LogoSvg() {
  // Three trails running together.
  return R"(<svg class="logo" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="#0f766e"/><path d="M6 10h11l-3 3M6 16h19l-4 4m4-4-4-4M6 22h11l-3-3" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>)";
}

std::string_view StyleSheet() {
  return R"css(:root {
  --bg: #f4f6f5; --card: #ffffff; --text: #17211f; --muted: #5b6b67; --line: #dde4e1;
  --accent: #0f766e; --accent-text: #ffffff; --link: #0b6560; --bad: #a61b2b; --bad-bg: #fdecee;
  --good-bg: #e3f4ef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #101715; --card: #18211f; --text: #e6eeeb; --muted: #94a6a0; --line: #2a3734;
    --accent: #2dd4bf; --accent-text: #06211d; --link: #5eead4; --bad: #ff9aa5; --bad-bg: #3a1a1f;
    --good-bg: #14332c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--bg); color: var(--text); min-height: 100vh;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  display: flex; flex-direction: column;
}
a { color: var(--link); }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p { margin: 0; }
img { max-width: 100%; }
code { font-size: .95em; overflow-wrap: anywhere; }
.top, .bottom, main { width: 100%; max-width: 44rem; margin: 0 auto; padding: 1rem; }
.top { padding-bottom: 0; }
.brand { display: inline-flex; align-items: center; gap: .6rem; font-weight: 700; color: inherit; text-decoration: none; }
.bottom { margin-top: auto; color: var(--muted); font-size: .875rem; display: flex; gap: 1rem; flex-wrap: wrap; }
.bottom a { color: inherit; }
main { display: flex; flex-direction: column; gap: 1rem; }
main.narrow { max-width: 28rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.25rem; }
.stack { display: flex; flex-direction: column; gap: .9rem; }
.row { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.muted { color: var(--muted); }
.notice, .problem { border-radius: 10px; padding: .7rem .9rem; background: var(--good-bg); }
.problem { background: var(--bad-bg); color: var(--bad); }
.field { display: flex; flex-direction: column; gap: .3rem; font-weight: 600; }
.field input, .field textarea {
  font: inherit; font-weight: 400; color: inherit; background: var(--bg); width: 100%;
  border: 1px solid var(--line); border-radius: 10px; padding: .65rem .75rem;
}
.field small { font-weight: 400; color: var(--muted); }
.check { display: flex; gap: .6rem; align-items: flex-start; }
.check input { margin-top: .3rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.button {
  font: inherit; font-weight: 650; text-decoration: none; text-align: center; cursor: pointer;
  display: inline-block; padding: .65rem 1.1rem; border-radius: 10px; border: 1px solid transparent;
  background: var(--accent); color: var(--accent-text);
}
.row > .button { flex: 1 1 8rem; }
.button.quiet { background: transparent; color: var(--text); border-color: var(--line); }
.link-button { font: inherit; background: none; border: 0; padding: 0; color: var(--link); text-decoration: underline; cursor: pointer; }
.scopes { margin: 0; padding-left: 1.2rem; display: grid; gap: .3rem; }
.code { font: 600 1.05rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; user-select: all; background: var(--bg); border: 1px dashed var(--line); border-radius: 10px; padding: .8rem; }
.avatar { width: 48px; height: 48px; border-radius: 12px; background: var(--line); flex: none; object-fit: cover; }
.person { display: flex; gap: .75rem; align-items: center; min-width: 0; }
.person div { min-width: 0; overflow-wrap: anywhere; }
.profile { padding: 0; overflow: hidden; }
.profile .banner { width: 100%; aspect-ratio: 3; object-fit: cover; display: block; background: var(--line); }
.profile .inner { padding: 1.25rem; display: flex; flex-direction: column; gap: .9rem; }
.profile .avatar { width: 88px; height: 88px; border-radius: 18px; margin-top: -64px; border: 4px solid var(--card); }
.facts { display: grid; grid-template-columns: minmax(5rem, max-content) 1fr; gap: .35rem 1rem; margin: 0; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.post { display: flex; flex-direction: column; gap: .6rem; }
.post-head { display: flex; gap: .75rem; align-items: center; color: inherit; text-decoration: none; min-width: 0; }
.post-head strong { overflow-wrap: anywhere; }
.post-body { overflow-wrap: anywhere; }
.post-body p + p { margin-top: .75rem; }
.invisible { font-size: 0; line-height: 0; display: inline-block; width: 0; height: 0; position: absolute; }
.ellipsis::after { content: "…"; }
.post-foot { display: flex; gap: .2rem 1.1rem; flex-wrap: wrap; color: var(--muted); font-size: .875rem; }
.post-foot a { color: inherit; }
details > summary { cursor: pointer; }
.warned { background: var(--bg); border-radius: 10px; padding: .6rem .8rem; }
.warned > summary { font-weight: 600; overflow-wrap: anywhere; }
.warned[open] > summary { margin-bottom: .6rem; }
.post-why { color: var(--muted); font-size: .875rem; }
.post-why a { color: inherit; }
.post-head:hover strong, .post-foot a:hover { text-decoration: underline; }
.post-foot a { text-decoration: none; }
.post.focused { border-color: var(--accent); }
.post.focused .post-body { font-size: 1.1rem; }
.depth-2 { margin-left: .75rem; }
.depth-3 { margin-left: 1.5rem; }
.depth-4 { margin-left: 2.25rem; }
.counts { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; color: var(--muted); }
.counts strong { color: var(--text); }
.tabs { display: flex; gap: 1.25rem; padding: 0 .25rem; }
.tabs a { color: var(--muted); text-decoration: none; font-weight: 600; padding: .25rem 0; border-bottom: 3px solid transparent; }
.tabs a[aria-current] { color: var(--text); border-color: var(--accent); }
.badge { font-size: .8125rem; color: var(--muted); border: 1px solid var(--line); border-radius: 999px; padding: .1rem .65rem; }
.handle { overflow-wrap: anywhere; }
.welcome h1 { font-size: 1.9rem; }
.lead { font-size: 1.1rem; }
.apps { margin: .75rem 0 0; padding-left: 1.2rem; display: grid; gap: .3rem; }
.card h2 { margin: 0; }
)css";
}

}  // namespace stampede::instance
