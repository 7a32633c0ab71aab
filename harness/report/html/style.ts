/**
 * The page's look. Series colours are from a palette that stays apart for the common kinds of colour blindness
 * (blue, vermilion, violet, grey); a verdict is also a word and a mark. Text on its ground has a contrast of 4.5 or more.
 */
export const STYLE = `
:root{--bg:#fbfaf7;--card:#fff;--ink:#1d2125;--soft:#596169;--rule:#e3e0d8;--grid:#ebe8e1;--blue:#1467a8;--band:#1467a82e;--good:#8fb3d1;--red:#c23f06;--violet:#7b4b94;--amber:#9a6500;--grey:#7d8790;--green:#00735a;--held-bg:#e3f2ec;--violated-bg:#fbe7dd;--inconclusive-bg:#f8efd9;--fault-a:#7b4b94;--fault-b:#b07400;--fault-c:#7d8790;--lane-ink:#1d2125;
--sans:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1b1f23;--ink:#e9e7e2;--soft:#a3abb3;--rule:#30363c;--grid:#262b30;--blue:#6cb8ee;--band:#6cb8ee33;--good:#3f6d91;--red:#ff8b52;--violet:#c79be0;--amber:#e5b04a;--grey:#8d97a0;--green:#48c9a5;--held-bg:#16332b;--violated-bg:#3d2418;--inconclusive-bg:#362c14;--fault-a:#c79be0;--fault-b:#e5b04a;--fault-c:#8d97a0;--lane-ink:#e9e7e2}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 var(--sans);font-variant-numeric:tabular-nums}
main{max-width:1128px;margin:0 auto;padding:48px 32px 72px}
h1,h2,h3,h4,p,dl,dd,figure,pre{margin:0}
h1{font-size:34px;line-height:1.18;letter-spacing:-.015em;font-weight:650;max-width:30em;text-wrap:balance}
h2{font-size:24px;line-height:1.25;letter-spacing:-.01em;font-weight:650}
h3{font-size:17px;line-height:1.3;font-weight:650;margin-top:32px}
h4{font-size:15px;font-weight:650;margin-top:14px}
a{color:inherit;text-decoration-color:var(--grey);text-underline-offset:3px}
section{margin-top:56px}
section.arm{border-top:2px solid var(--ink);padding-top:22px}
.overline{font-size:13px;color:var(--soft);letter-spacing:.02em;margin-bottom:6px}
.masthead .banner{margin-top:24px;padding:16px 20px;border-left:6px solid var(--green);background:var(--held-bg);border-radius:0 6px 6px 0}
.banner.violated{border-color:var(--red);background:var(--violated-bg)}
.banner.inconclusive{border-color:var(--amber);background:var(--inconclusive-bg)}
.banner-word{font-size:20px;font-weight:650;line-height:1.3}
.facts{display:flex;flex-wrap:wrap;gap:10px 36px;margin-top:20px}
dt{font-size:13px;color:var(--soft)}
.facts dd{font-weight:550}
.lead{max-width:46em;margin:8px 0 14px}
.note{font-size:14px;color:var(--soft);max-width:60em;margin-top:8px}
.because-line{margin-top:12px;max-width:56em}
.verdict-line{margin-top:8px}
.chip{display:inline-block;font-size:14px;font-weight:600;padding:1px 10px 2px;border-radius:999px;white-space:nowrap}
.chip.held{color:var(--green);background:var(--held-bg)}
.chip.violated{color:var(--red);background:var(--violated-bg)}
.chip.inconclusive{color:var(--amber);background:var(--inconclusive-bg)}
.as-expected,.not-expected{font-size:14px;color:var(--soft);white-space:nowrap}
.not-expected{color:var(--red);font-weight:600}
.late{color:var(--red)}
table{border-collapse:collapse;width:100%;margin-top:16px;font-size:15px}
th,td{text-align:left;vertical-align:top;padding:9px 16px 9px 0;border-bottom:1px solid var(--rule);font-weight:400}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:13px;color:var(--soft);padding-bottom:6px;vertical-align:bottom;line-height:1.3}
tbody th{font-weight:600}
.arms th a{white-space:nowrap}
.number{text-align:right;white-space:nowrap}
thead .number{white-space:normal}
.role,.because,.against{display:block;font-size:13px;font-weight:400;color:var(--soft)}
.because{max-width:44em}
.arms .as-expected,.arms .not-expected{display:block;margin-top:2px}
td.late{font-weight:600}
.ratio-bar{display:block;width:150px;height:16px;margin:4px 0 2px}
.track{stroke:var(--grid);stroke-width:6;fill:none}
.ratio-value{stroke:var(--red);stroke-width:6;fill:none}
.whisker{stroke:var(--ink);stroke-width:1.2;fill:none}
figure{margin-top:8px}
figcaption .note{margin:4px 0 0}
svg{display:block;width:100%;height:auto;font-family:var(--sans);overflow:visible}
.only-narrow{display:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:10px 0 12px;font-size:13px;color:var(--soft)}
.legend span{display:inline-flex;align-items:center;gap:7px}
.legend b{font-weight:600;color:var(--ink)}
.key{width:16px;height:16px;flex:none}
.swatch{width:18px;height:10px;border-radius:2px;flex:none}
.swatch.dot{width:9px;height:9px;border-radius:50%}
.swatch.l-band{background:var(--band);border-bottom:2px solid var(--blue)}
.swatch.l-open{background:var(--blue)}.swatch.l-late{background:var(--red)}
.swatch.s-answered{background:var(--red)}.swatch.s-timeout{background:var(--violet)}.swatch.s-connection{background:var(--amber)}.swatch.s-dropped{background:var(--grey)}
text{fill:var(--ink);font-size:12px}
.tick,.axis-title{fill:var(--soft)}
.panel-title{font-size:13px;font-weight:600;paint-order:stroke;stroke:var(--bg);stroke-width:4px;stroke-linejoin:round}
.aside{font-weight:400;fill:var(--soft)}
.phase{fill:var(--soft);font-size:12px}
.phase-edge{stroke:var(--grey);stroke-width:1;stroke-dasharray:2 3;fill:none}
.grid{stroke:var(--grid);stroke-width:1;fill:none}
.shade{opacity:.06}.lane{opacity:.26}
.fault-a{fill:var(--fault-a)}.fault-b{fill:var(--fault-b)}.fault-c{fill:var(--fault-c)}
.lane-label{font-size:12px;fill:var(--lane-ink)}
.band{fill:var(--band)}
.line-p50{stroke:var(--blue);stroke-width:1.8;fill:none;stroke-linejoin:round}
.line-p99{stroke:var(--blue);stroke-width:.9;fill:none;stroke-linejoin:round}
.mark{stroke-width:3.4;stroke-linecap:round;fill:none}
.mark.s-answered{stroke:var(--red)}.mark.s-timeout{stroke:var(--violet)}.mark.s-connection{stroke:var(--amber)}.mark.s-dropped{stroke:var(--grey)}
.bar.s-answered{fill:var(--red)}.bar.s-timeout{fill:var(--violet)}.bar.s-connection{fill:var(--amber)}.bar.s-dropped{fill:var(--grey)}.bar.s-good{fill:var(--good)}
.c-credentials{fill:var(--red);background:var(--red)}.c-dns{fill:var(--amber);background:var(--amber)}.c-upstream{fill:var(--blue);background:var(--blue)}.c-rest{fill:var(--grey);background:var(--grey)}.cut{stroke:var(--bg);stroke-width:4}
.k-role{fill:var(--violet);background:var(--violet)}.k-credentials{fill:var(--red);background:var(--red)}.k-token{fill:var(--amber);background:var(--amber)}
.node-track{fill:var(--grid);opacity:.6}.replicas{fill:var(--blue)}.node-down{fill:var(--red)}
.on-full{fill:var(--bg);font-weight:600}.on-light{fill:var(--ink);font-weight:600}
.by-node{fill:var(--good);opacity:.55}.by-replicas{fill:var(--blue);opacity:.75}.cap-line{stroke:var(--red);stroke-width:1;stroke-dasharray:4 3;fill:none}
.swatch.l-replicas{background:linear-gradient(90deg,var(--band),var(--blue))}.swatch.l-by-node{background:var(--good)}.swatch.l-by-replicas{background:var(--blue)}.swatch.l-cap{height:0;border-top:2px dashed var(--red);border-radius:0}
.p-life{stroke:var(--grey);stroke-width:1.2;fill:none}
.p-open{stroke:var(--blue);fill:none}
.p-late{stroke:var(--red);fill:none}
.j-ok{stroke:var(--blue);stroke-width:5;stroke-linecap:round;fill:none}
.j-refused,.j-wrong{stroke:var(--red);stroke-width:1.7;stroke-linecap:round;fill:none}
.j-cut{stroke:var(--grey);stroke-width:1.4;fill:none}
.patience{stroke:var(--red);stroke-width:1.2;stroke-dasharray:5 4;fill:none}
.swatch.l-patience{height:0;border-top:2px dashed var(--red);border-radius:0}
.g-sigterm{fill:var(--ink)}
.g-closed{stroke:var(--ink);stroke-width:2.4;fill:none}
.g-not-ready{fill:var(--bg);stroke:var(--ink);stroke-width:1.6}
.g-last{fill:var(--bg);stroke:var(--ink);stroke-width:1.6}
.g-last.late{fill:var(--red);stroke:var(--ink);stroke-width:1.4}
.g-exit,.g-gone{stroke:var(--ink);stroke-width:1.2;fill:none}
.t0{stroke:var(--soft);stroke-width:1;fill:none}
.row-label{font-size:12px}
.row-label.strong{font-size:14px;font-weight:600}
.remark{font-size:13px;font-weight:400;fill:var(--soft)}
.remark.late{fill:var(--red)}
.crosshair{stroke:var(--ink);stroke-width:1;opacity:.5;fill:none;pointer-events:none}
#reading{position:fixed;z-index:1;pointer-events:none;background:var(--card);border:1px solid var(--rule);border-radius:6px;box-shadow:0 4px 16px #0003;padding:8px 12px;font-size:13px;min-width:150px}
#reading div{display:flex;justify-content:space-between;gap:18px}
#reading span:first-child{color:var(--soft)}
.minute{stroke-width:11;fill:none}
.m-prepare{stroke:var(--grey);background:var(--grey)}.m-baseline{stroke:var(--good);background:var(--good)}.m-fault{stroke:var(--violet);background:var(--violet)}.m-recovery{stroke:var(--blue);background:var(--blue)}.m-clean-up{stroke:var(--amber);background:var(--amber)}
.fault .kind{font-weight:400;color:var(--soft)}
.evidence{margin-top:6px;font-size:14px}
.evidence th{font-weight:600;white-space:nowrap;width:14.5em}
.evidence .at{width:7em}
.evidence td:nth-child(3){width:7em}
.values{display:block}
.values span{font-family:var(--mono);font-size:12px;color:var(--soft);white-space:nowrap;margin-right:12px}
details{margin-top:14px}
summary{cursor:pointer;font-size:14px;color:var(--soft)}
.scroll{overflow-x:auto}
.pods{font-size:13px}
.pods td,.pods th{padding:5px 14px 5px 0}
.pods .role{display:inline;margin-left:8px}
.pods tbody th{white-space:nowrap}
pre{margin-top:12px;padding:14px 16px;background:var(--card);border:1px solid var(--rule);border-radius:6px;font:14px/1.5 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:40px}
.settings{margin-top:12px}
.settings div{display:flex;justify-content:space-between;gap:20px;padding:6px 0;border-bottom:1px solid var(--rule);font-size:14px}
.settings dt{font-size:14px}
.settings dd{text-align:right;overflow-wrap:anywhere}
.checks .role{display:inline;margin-left:8px}
@media screen and (max-width:900px){
main{padding:28px 16px 48px}
h1{font-size:26px}h2{font-size:21px}
section{margin-top:44px}
.only-wide{display:none}.only-narrow{display:block;max-width:480px}
.columns{grid-template-columns:1fr;gap:0}
.columns>div+div{margin-top:36px}
.facts{gap:10px 26px}
.cards thead{display:none}
.cards,.cards tbody,.cards tr,.cards th,.cards td{display:block;width:auto}
.cards tr{padding:12px 0;border-bottom:1px solid var(--rule)}
.cards th,.cards td{border:0;padding:2px 0;text-align:left;white-space:normal}
.cards tbody th{padding-bottom:4px}
.cards td[data-title]{position:relative;padding-left:9em}
.cards td[data-title]::before{content:attr(data-title);position:absolute;left:0;font-size:13px;font-weight:400;color:var(--soft);line-height:24px}
.arms .as-expected,.arms .not-expected{display:inline}
.cards.evidence th,.cards.evidence td{width:auto}
}
@media print{
:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#ccc;--grid:#e5e5e5;--blue:#1467a8;--band:#1467a82e;--good:#8fb3d1;--red:#c23f06;--violet:#7b4b94;--amber:#9a6500;--grey:#777;--green:#00735a;--fault-a:#7b4b94;--fault-b:#b07400;--lane-ink:#000}
body{font-size:14px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:none;padding:0}
.only-wide{display:block}.only-narrow{display:none}
figure,tr,.fault{break-inside:avoid}
section.arm{break-before:page;margin-top:0}
h2,h3,h4{break-after:avoid}
.scroll{overflow:visible}
#reading{display:none}
}
`;
