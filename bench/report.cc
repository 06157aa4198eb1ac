#include "bench/report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "codec/json_writer.h"

namespace stampede::bench {
namespace {

// Three significant digits at least, thousands apart: 12,345 or 1.23.
std::string Number(double value) {
  char text[64];
  int decimals = value >= 100 || value == std::floor(value) ? 0 : value >= 10 ? 1 : 2;
  std::snprintf(text, sizeof(text), "%.*f", decimals, value);
  std::string number = text;
  size_t point = std::min(number.find('.'), number.size());
  for (size_t at = point; at > 3; at -= 3) number.insert(at - 3, ",");
  return number;
}

// Of characters, not bytes: floors contain a ≥.
size_t Width(const std::string& text) {
  size_t width = 0;
  for (char c : text) width += (c & 0xc0) != 0x80;
  return width;
}

std::string Pad(std::string text, size_t width) {
  text.append(width - std::min(width, Width(text)), ' ');
  return text;
}

}  // namespace

std::string DescribeMachine() {
  double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " vCPUs, " +
         Number(std::round(bytes / (1 << 30))) +
         " GB of memory, server and load generator together";
}

std::string ToText(const Report& report) {
  std::string text = report.title + "\n" + report.machine + "\n\n";
  size_t widest = 0;
  for (const Figure& figure : report.figures) widest = std::max(widest, Width(figure.text));
  for (const Figure& figure : report.figures) {
    text += Pad(figure.text, widest + 2) + Pad(Number(figure.value) + " " + figure.unit, 18) +
            Pad(figure.floor, 12) + figure.note + "\n";
  }
  return text;
}

std::string ToMarkdown(const Report& report) {
  std::string text = "## " + report.title + "\n\n`" + report.command + "` on " + report.machine +
                     ".\n\n| | measured | asked | how |\n| --- | ---: | ---: | --- |\n";
  for (const Figure& figure : report.figures) {
    text += "| " + figure.text + " | " + Number(figure.value) + " " + figure.unit + " | " +
            figure.floor + " | " + figure.note + " |\n";
  }
  return text;
}

std::string ToJson(const Report& report) {
  codec::JsonWriter json;
  json.Object();
  json.Field("title", report.title).Field("command", report.command);
  json.Field("machine", report.machine);
  json.Key("figures").Array();
  for (const Figure& figure : report.figures) {
    json.Object();
    json.Field("key", figure.key).Field("text", figure.text).Field("value", figure.value);
    json.Field("unit", figure.unit).Field("floor", figure.floor).Field("note", figure.note);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return std::string(json.text()) + "\n";
}

void ReplaceSection(const std::string& path, const std::string& name, const std::string& section) {
  const std::string begin = "<!-- begin " + name + " -->\n", end = "<!-- end " + name + " -->\n";
  std::ifstream in(path);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  size_t from = text.find(begin), to = text.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    from = text.size();
    to = from;
    text += "\n" + begin + end;
    from += 1;
    to = from + begin.size();
  }
  text.replace(from, to - from, begin + section);
  std::ofstream(path) << text;
}

}  // namespace stampede::bench
