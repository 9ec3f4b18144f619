/** How the documentation page looks, in light and dark, on desks and phones. */

export const stylesheet = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#dfe4ea;--paper:#fff;--panel:#f5f7f9;--accent:#0b63c5}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa6b5;--line:#313a46;--paper:#14181e;--panel:#1c222a;--accent:#6cb0ff}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;display:grid;grid-template-columns:19rem minmax(0,1fr);font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
nav{position:sticky;top:0;height:100vh;overflow-y:auto;padding:1.25rem;background:var(--panel);border-right:1px solid var(--line);font-size:.875rem}
nav .name{font-weight:700;font-size:1.1rem;margin:0 0 1rem}
nav h2{font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;margin:1.25rem 0 .35rem}
nav h2 a{color:var(--soft)}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.2rem 0;color:var(--ink)}
a{color:var(--accent);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
main{padding:2rem clamp(1rem,4vw,3.5rem) 6rem;max-width:62rem}
h1{margin-top:0}
section>h2{margin-top:3.5rem;border-bottom:2px solid var(--line);padding-bottom:.3rem}
article{margin:2rem 0;padding:1.25rem 1.5rem;border:1px solid var(--line);border-radius:.6rem}
article:target{border-color:var(--accent)}
article h3{margin:0 0 .4rem}
.path{margin:.2rem 0}
.method{display:inline-block;min-width:3.6rem;text-align:center;font:700 .7rem/1.6 ui-monospace,monospace;border-radius:.3rem;padding:0 .3rem;color:#fff;background:#566170}
.method.get{background:#0b63c5}
.method.post{background:#17733f}
.method.put,.method.patch{background:#8a5800}
.method.delete{background:#b3261e}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.86em}
:not(pre)>code{background:var(--panel);border-radius:.25rem;padding:.05em .3em}
pre{background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.8rem 1rem;overflow-x:auto;line-height:1.45}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{text-align:left;border-top:1px solid var(--line);padding:.4rem .8rem .4rem 0;vertical-align:top}
small{color:var(--soft)}
details{margin-top:.6rem;border-top:1px solid var(--line);padding-top:.5rem}
summary{cursor:pointer;font-weight:600}
h4{margin:1rem 0 .3rem}
@media(max-width:52rem){body{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}}
`
