// The drawings: ECharts with only what is used, told by the page in data attributes, in the colours of the page.
import { BarChart, LineChart } from "echarts/charts";
import { GridSimpleComponent, LegendPlainComponent, TooltipComponent } from "echarts/components";
import { getInstanceByDom, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { colours, onTheme, still } from "./theme.js";
import { token } from "./tokens.js";

use([BarChart, LineChart, GridSimpleComponent, LegendPlainComponent, TooltipComponent, CanvasRenderer]);

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
const number = new Intl.NumberFormat("en");

// Colours that are told apart in light and dark, and by those who tell red from green badly.
function palette(dark) {
  return dark
    ? ["#8fb0ff", "#5cc7b0", "#e5b95c", "#d99bea", "#ff9a90", "#9fd36a", "#7fc9ef", "#a0a9b7"]
    : ["#2a54c9", "#0f8a78", "#b8860b", "#8e3fb0", "#c24a3a", "#4f8a1d", "#1f7fb0", "#6b7482"];
}

const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b;
};

function shared(c) {
  return {
    animation: !still(),
    animationDuration: 300,
    textStyle: { fontFamily: FONT, color: c.text, fontSize: 12 },
    // Drawn, as the policy of the pages takes no style in HTML.
    tooltip: {
      renderMode: "richText", confine: true, backgroundColor: c.surface, borderColor: c.line, borderWidth: 1,
      textStyle: { color: c.text, fontFamily: FONT, fontSize: 12 },
    },
    legend: { icon: "roundRect", itemWidth: 12, itemHeight: 8, textStyle: { color: c.quiet, fontFamily: FONT } },
  };
}

function axes(c, days, many) {
  return {
    xAxis: {
      type: "category", data: days, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false },
      axisLabel: { color: c.quiet, hideOverlap: true, fontFamily: FONT },
    },
    yAxis: many.map((extra) => ({
      type: "value", splitLine: { lineStyle: { color: c.line } }, axisLabel: { color: c.quiet, fontFamily: FONT }, minInterval: 1, ...extra,
    })),
  };
}

function trend(told, c, narrow, colour) {
  const days = told.map(({ day }) => day);
  const line = (name, key, color, axis) => ({
    name, type: "line", yAxisIndex: axis, smooth: 0.25, showSymbol: told.length < 20, symbolSize: 6, connectNulls: true,
    lineStyle: { width: 2.5, color }, itemStyle: { color }, data: told.map((point) => ({ value: point[key], link: point.link })),
  });
  return {
    ...shared(c),
    legend: { ...shared(c).legend, top: 0, left: 0 },
    grid: { left: 4, right: 4, top: 44, bottom: 4, containLabel: true },
    tooltip: { ...shared(c).tooltip, trigger: "axis", valueFormatter: (value) => (value == null ? "—" : number.format(value)) },
    ...axes(c, days, [{ name: narrow ? "" : "Calls", nameTextStyle: { color: c.quiet } }, { name: narrow ? "" : "of 100", min: 0, max: 100, splitLine: { show: false }, nameTextStyle: { color: c.quiet } }]),
    series: [
      {
        name: "Calls", type: "bar", barMaxWidth: 26, itemStyle: { color: c.line, borderRadius: [3, 3, 0, 0] },
        data: told.map(({ calls, link }) => ({ value: calls, link })),
      },
      line("Average quality", "quality", colour[0], 1),
      line("Agents' share of talk, %", "talk", colour[2], 1),
    ],
  };
}

function dispositions(told, c, narrow, colour) {
  return {
    ...shared(c),
    legend: { ...shared(c).legend, top: 0, left: 0 },
    grid: { left: 4, right: 4, top: 44, bottom: 4, containLabel: true },
    tooltip: { ...shared(c).tooltip, trigger: "axis", valueFormatter: (value) => number.format(value) },
    ...axes(c, told.days, [{}]),
    series: told.rows.map(({ name, counts, links }, at) => ({
      name, type: "bar", stack: "all", barMaxWidth: 26, itemStyle: { color: colour[at % colour.length] },
      data: counts.map((value, day) => ({ value, link: links[day] })),
    })),
  };
}

const KINDS = { trend, dispositions };
const told = new WeakMap();

function options(place) {
  const c = colours();
  const dark = luminance(c.surface) < 128;
  return KINDS[place.dataset.chart](told.get(place), c, place.clientWidth < 480, palette(dark));
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) getInstanceByDom(target)?.resize();
});

function draw(place) {
  if (getInstanceByDom(place)) return;
  told.set(place, JSON.parse(place.dataset.told));
  const chart = init(place, null, { renderer: "canvas" });
  chart.setOption(options(place));
  chart.on("click", ({ data }) => data?.link && follow(data.link));
  if (place.dataset.chart === "trend") {
    chart.getZr().on("click", ({ target, offsetX, offsetY }) => {
      if (target || !chart.containPixel("grid", [offsetX, offsetY])) return; // what is drawn has its own link
      const [at] = chart.convertFromPixel("grid", [offsetX, offsetY]);
      const point = told.get(place)[Math.round(at)];
      if (point) follow(point.link);
    });
  }
  sizes.observe(place);
}

// A link of a drawing was written with the token that the page came with.
function follow(link) {
  const url = new URL(link, location.href);
  url.searchParams.set("token", token());
  location.assign(url);
}

export function drawAll(root) {
  if (root.matches?.("[data-chart]")) draw(root);
  root.querySelectorAll("[data-chart]").forEach(draw);
}

// Give back what the drawings below an element hold, before it is replaced.
export function forget(root) {
  root?.querySelectorAll("[data-chart]").forEach((place) => {
    sizes.unobserve(place);
    getInstanceByDom(place)?.dispose();
  });
}

onTheme(() => {
  for (const place of document.querySelectorAll("[data-chart]")) getInstanceByDom(place)?.setOption(options(place), true);
});
