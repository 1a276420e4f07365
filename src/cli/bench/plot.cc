#include "cli/bench/plot.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/bench/report.h"
#include "cli/json_text.h"

namespace kilter::cli {
namespace {

constexpr int kWidth = 760;
constexpr int kBarLeft = 250;
constexpr int kBarWidth = 300;
constexpr int kTop = 78;
constexpr int kRowHeight = 40;

constexpr std::string_view kStyle =
    "text{font:13px system-ui,sans-serif;fill:#1c2430}.small{font-size:11px;fill:#5b6673}"
    ".paper{fill:#fff}.rate{fill:#3566c8}.roof{fill:#e6eaf0}.memory{fill:#d07a2d}.int8{fill:#2f9461}"
    "@media(prefers-color-scheme:dark){text{fill:#e6eaf0}.small{fill:#9aa6b4}.paper{fill:#14181e}"
    ".rate{fill:#6d97ee}.roof{fill:#2a313b}}";

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : json_string(text)) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      default:
        safe += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
  }
  return safe;
}

std::string bar(std::string_view kind, int y, int height, double part) {
  return fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"/>\n", kind,
                     kBarLeft, y, kBarWidth * std::clamp(part, 0.0, 1.0), height);
}

std::string words(std::string_view kind, int x, int y, std::string_view text) {
  return fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n", kind, x, y, escaped(text));
}

/// Prefill is many times faster than decode, so each kind has its own scale.
double fastest(const BenchReport& report, BenchKind kind) {
  double most = 0;
  for (const BenchRun& run : report.runs) {
    if (run.test.kind == kind) most = std::max(most, run.tokens_per_second.median);
  }
  return most;
}

std::string row(const BenchReport& report, const BenchRun& run, int y) {
  const bool memory = run.share_of_read() >= run.share_of_int8();
  const double share = std::max(run.share_of_read(), run.share_of_int8());
  const double rate = run.tokens_per_second.median;
  const std::string label = fmt::format("{}, {}, {} thread{}", test_text(run.test), run.mode, run.threads,
                                        run.threads == 1 ? "" : "s");
  return words("label", 16, y + 17, label) + bar("rate", y + 4, 16, rate / fastest(report, run.test.kind)) +
         words("label", kBarLeft + kBarWidth + 12, y + 17, fmt::format("{:.4g} tokens/s", rate)) +
         bar("roof", y + 23, 6, 1) + bar(memory ? "memory" : "int8", y + 23, 6, share) +
         words("small", kBarLeft + kBarWidth + 12, y + 31,
               fmt::format("{:.0f} % of {}", 100 * share, memory ? "memory reads" : "int8 multiply-adds"));
}

}  // namespace

std::string bench_svg(const BenchReport& report) {
  const int height = kTop + kRowHeight * static_cast<int>(report.runs.size()) + 16;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" "
      "role=\"img\">\n<title>{}</title>\n<style>{}</style>\n<rect class=\"paper\" width=\"100%\" "
      "height=\"100%\"/>\n",
      kWidth, height, kWidth, height, escaped("kilter bench: " + report.model), kStyle);
  svg += words("label", 16, 28, report.model);
  svg += words("small", 16, 46, fmt::format("{}, {}", report.cpu, report.isa));
  svg += words("small", 16, 64,
               "Tokens a second (prefill and decode each to its own scale), and the part of the nearer roof");
  int y = kTop;
  for (const BenchRun& run : report.runs) {
    svg += row(report, run, y);
    y += kRowHeight;
  }
  return svg + "</svg>\n";
}

}  // namespace kilter::cli
