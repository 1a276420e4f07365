#include "cli/verify/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/table.h"
#include "cli/units.h"

namespace kilter::cli {
namespace {

std::string margin_text(double margin) {
  if (std::isinf(margin)) return "infinite";
  if (margin >= 1000) return fmt::format("{:.1e}", margin);
  return margin != 0 && margin < 0.001 ? "<0.001" : fmt::format("{:.3f}", margin);
}

// Root mean square of an error, by that of the value.
std::string relative_text(double error, double size) {
  if (error == 0) return "0";
  return size == 0 ? "-" : fmt::format("{:.1e}", std::sqrt(error / size));
}

const VerifiedValue* worst_value(const OpCheck& check) {
  const auto worse = [](const VerifiedValue& a, const VerifiedValue& b) {
    const Verdict of_a = a.margins.verdict();
    const Verdict of_b = b.margins.verdict();
    return of_a != of_b ? of_a < of_b : a.margins.worst < b.margins.worst;
  };
  const auto worst = std::max_element(check.values.begin(), check.values.end(), worse);
  return worst == check.values.end() ? nullptr : &*worst;
}

std::string ops_text(const OpCheck& check) {
  const bool with_twin = std::any_of(check.ops.begin(), check.ops.end(),
                                     [](const VerifiedOp& op) { return op.errors.twin != 0; });
  std::vector<Table::Column> columns = {{"op"},
                                        {"values", Align::right},
                                        {"elements", Align::right},
                                        {"margin", Align::right},
                                        {"of expected", Align::right},
                                        {"own error", Align::right},
                                        {"inherited", Align::right}};
  if (with_twin) columns.push_back({"twin's own", Align::right});
  columns.push_back({"worst value"});
  columns.push_back({"verdict"});
  Table table(std::move(columns));
  for (const VerifiedOp& op : check.ops) {
    const Margins& m = op.margins;
    std::vector<std::string> cells = {std::string(op.op),
                                      grouped(static_cast<uint64_t>(op.values)),
                                      grouped(static_cast<uint64_t>(m.elements)),
                                      margin_text(m.worst),
                                      margin_text(m.worst_of_expected),
                                      relative_text(op.errors.own, op.errors.size),
                                      relative_text(op.errors.inherited, op.errors.size)};
    if (with_twin) cells.push_back(relative_text(op.errors.twin, op.errors.size));
    cells.push_back(to_string(op.worst));
    cells.emplace_back(to_string(m.verdict()));
    table.add(std::move(cells));
  }
  return table.text(2);
}

// One value that is not as it should be.
std::string wrong_value_text(const VerifiedValue& v) {
  const Margins& m = v.margins;
  const auto count = static_cast<uint64_t>(m.outside_guarantee + m.outside_expectation + m.cannot_say);
  std::string text =
      fmt::format("  {} ({}): {} at {} of {} elements", to_string(v.at), v.op, to_string(m.verdict()),
                  grouped(count), grouped(static_cast<uint64_t>(m.elements)));
  if (m.verdict() != Verdict::cannot_say) {
    text += fmt::format(", the worst in row {}, element {}: {} bounds", v.worst_row, v.worst_element,
                        margin_text(m.worst));
  }
  return text + "\n";
}

// Values that are not as they should be, in the order of computation: each is wrong by itself.
std::string wrong_values_text(const OpCheck& check) {
  constexpr int kShown = 10;
  std::string text;
  int count = 0;
  bool unknown = false;
  for (const VerifiedValue& v : check.values) {
    if (passes(v.margins.verdict())) continue;
    unknown = unknown || v.margins.verdict() == Verdict::cannot_say;
    if (++count <= kShown) text += wrong_value_text(v);
  }
  if (count > kShown) text += fmt::format("  and {} more values\n", count - kShown);
  if (unknown) {
    text +=
        "  Nothing can be said of NaN, and of what is computed from numbers of 65,536 and more;\n"
        "  `kilter inspect --verify` looks for damage in the file.\n";
  }
  return text;
}

std::string choices_text(const OpCheck& check) {
  if (check.choices.empty()) return "";
  const auto tokens = static_cast<uint64_t>(check.choices[0].same + check.choices[0].undecidable +
                                            check.choices[0].different);
  std::string text = "\nDecisions, by the bounds of the last op\n";
  for (const Choices& c : check.choices) {
    text += fmt::format("  {:<14}decided at {} of {}, the smallest gap {:.3g} bounds{}\n",
                        c.k == 1 ? "greedy token" : fmt::format("set of {}", c.k), c.same,
                        counted(tokens, "token"), c.smallest_ratio,
                        c.different == 0 ? "" : fmt::format("; WRONG at {}", c.different));
  }
  text += fmt::format("  {:<14}the same greedy token at {} of {}", "whole in f64", check.greedy_as_in_f64,
                      tokens);
  if (std::isfinite(check.smallest_greedy_gap)) {
    text += fmt::format("; smallest gap {:.3g}, largest error of a logit {:.2g}", check.smallest_greedy_gap,
                        check.worst_logit_error);
  }
  text += "\n";
  return text;
}

std::string decoding_text(const DecodeCheck& check) {
  std::string text =
      fmt::format("\nDecoding\n  {} values in {} of {}, decoded by two decoders: ", grouped(check.values),
                  counted(check.blocks, "block"), counted(check.tensors, "tensor"));
  if (!check.first) return text + "the same bits\n";
  return text + fmt::format("{} differ\n  first {}, block {}, element {}: {} and {}\n",
                            grouped(check.differing), check.first->tensor, grouped(check.first->block),
                            check.first->element, check.first->decoded, check.first->oracle);
}

std::string bits_text(const BitChecks& bits) {
  std::string text = fmt::format("\nBits of the logits, {} tokens in {} against\n", bits.tokens, bits.plain);
  Table table({{""}, {""}});
  for (const BitCheck& c : bits.checks) {
    table.add({c.name, c.differing == 0 ? "the same"
                                        : fmt::format("{} differ, first at token {}: logit {} is {}, not {}",
                                                      grouped(static_cast<uint64_t>(c.differing)), c.token,
                                                      c.logit, c.is, c.was)});
  }
  return text + table.text(2);
}

std::string size_text(const Defect& defect, double size) {
  if (defect.unit.empty()) return "";
  if (size == 0) return "none";
  if (defect.unit == "bits") return fmt::format("{:.0f} bits", size);
  return fmt::format("{:.2g} %", 100 * size);
}

std::string powers_text(const std::vector<DefectPower>& powers) {
  if (powers.empty()) return "";
  Table table({{"defect"},
               {"injected", Align::right},
               {"caught", Align::right},
               {"half down to", Align::right},
               {"at best", Align::right},
               {"smallest effect", Align::right},
               {"NMSE accepts", Align::right},
               {"cosine accepts", Align::right}});
  for (const DefectPower& p : powers) {
    table.add({std::string(p.defect->name), std::to_string(p.trials), std::to_string(p.caught),
               size_text(*p.defect, p.size_reached(0.5)), size_text(*p.defect, p.size_reached(0)),
               p.caught == 0 ? "-" : fmt::format("{:.1e}", p.smallest_effect), std::to_string(p.nmse_accepts),
               std::to_string(p.cosine_accepts)});
  }
  return "\nPower: defects put into real values, judged by the same bounds\n" + table.text(2);
}

std::string verdict_text(const VerifyReport& report) {
  std::string text;
  const auto also = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (!passes(report.ops.all.verdict())) also(std::string(to_string(report.ops.all.verdict())));
  if (report.decoding.first) also("decoders differ");
  if (!report.bits.all_same()) also("bits differ");
  for (const DefectPower& p : report.ops.powers) {
    if (!p.proven()) also(fmt::format("misses {}", p.defect->name));
  }
  return text.empty() ? std::string(to_string(report.ops.all.verdict())) : text;
}

}  // namespace

bool passes(const VerifyReport& report) {
  return passes(report.ops.all.verdict()) && !report.decoding.first && report.bits.all_same() &&
         std::all_of(report.ops.powers.begin(), report.ops.powers.end(),
                     [](const DefectPower& p) { return p.proven(); });
}

std::string one_line(const VerifyReport& report) {
  const OpCheck& ops = report.ops;
  std::string worst;
  if (const VerifiedValue* v = worst_value(ops); v != nullptr) {
    worst = fmt::format(", worst margin {} ({})", margin_text(ops.all.worst), to_string(v->at));
  }
  return fmt::format("kilter {} verify: {}, {} {}, {}, {} values of {} ops{}: {}\n", KILTER_VERSION,
                     report.computed, report.architecture, report.sha256.substr(0, 12),
                     counted(report.ids.size(), "token"), ops.values.size(), ops.ops.size(), worst,
                     verdict_text(report));
}

std::string verify_text(const VerifyReport& report) {
  const OpCheck& ops = report.ops;
  std::string text = fmt::format(
      "Ops of {} on real activations ({} in passes of {}), each from its own operands, "
      "against f64\n",
      report.model, counted(report.ids.size(), "token"), fmt::format("{}", fmt::join(ops.passes, " and ")));
  text += ops_text(ops) + wrong_values_text(ops);
  text += fmt::format(
      "  A margin is |value - f64| / guaranteed bound. Of {} elements of right kernels one is outside the "
      "expected\n  bound with probability {:.1g} at most.\n",
      grouped(static_cast<uint64_t>(ops.all.elements)), expected_failure(ops.all.elements));
  text +=
      choices_text(ops) + decoding_text(report.decoding) + bits_text(report.bits) + powers_text(ops.powers);
  return text + "\n" + one_line(report);
}

}  // namespace kilter::cli
