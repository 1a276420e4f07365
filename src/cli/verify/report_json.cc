#include <boost/json.hpp>
#include <cmath>

#include "cli/json_text.h"
#include "cli/verify/report.h"

namespace kilter::cli {
namespace {

double relative(double error, double size) { return size == 0 ? 0 : std::sqrt(error / size); }

boost::json::object margins_json(const Margins& m) {
  return {{"elements", m.elements},
          {"exact", m.exact},
          {"cannot_say", m.cannot_say},
          {"outside_expectation", m.outside_expectation},
          {"outside_guarantee", m.outside_guarantee},
          {"share_outside", m.share_outside()},
          {"margin", m.worst},
          {"margin_of_expected", m.worst_of_expected},
          {"verdict", to_string(m.verdict())}};
}

void add_errors(const ErrorSums& errors, boost::json::object& to) {
  to["own_error"] = relative(errors.own, errors.size);
  to["inherited_error"] = relative(errors.inherited, errors.size);
  to["twin_error"] = relative(errors.twin, errors.size);
}

boost::json::array ops_json(const OpCheck& check) {
  boost::json::array ops;
  for (const VerifiedOp& op : check.ops) {
    boost::json::object o = {{"op", op.op}, {"values", op.values}, {"worst_value", to_string(op.worst)}};
    for (auto& entry : margins_json(op.margins)) o[entry.key()] = entry.value();
    add_errors(op.errors, o);
    ops.push_back(std::move(o));
  }
  return ops;
}

boost::json::array values_json(const OpCheck& check) {
  boost::json::array values;
  for (const VerifiedValue& value : check.values) {
    boost::json::object v = {{"name", to_string(value.at)},
                             {"op", value.op},
                             {"worst_row", value.worst_row},
                             {"worst_element", value.worst_element}};
    for (auto& entry : margins_json(value.margins)) v[entry.key()] = entry.value();
    add_errors(value.errors, v);
    values.push_back(std::move(v));
  }
  return values;
}

boost::json::object decisions_json(const OpCheck& check) {
  boost::json::array sets;
  for (const Choices& c : check.choices) {
    sets.push_back({{"k", c.k},
                    {"decided", c.same},
                    {"undecidable", c.undecidable},
                    {"different", c.different},
                    {"smallest_gap_in_bounds", c.smallest_ratio}});
  }
  return {{"sets", std::move(sets)},
          {"greedy_as_in_f64", check.greedy_as_in_f64},
          {"smallest_greedy_gap", check.smallest_greedy_gap},
          {"worst_logit_error", check.worst_logit_error}};
}

boost::json::object decoding_json(const DecodeCheck& check) {
  boost::json::object d = {{"tensors", check.tensors},
                           {"blocks", check.blocks},
                           {"values", check.values},
                           {"differing", check.differing}};
  if (check.first) {
    d["first"] = {{"tensor", json_string(check.first->tensor)},
                  {"block", check.first->block},
                  {"element", check.first->element},
                  {"decoded", check.first->decoded},
                  {"oracle", check.first->oracle}};
  }
  return d;
}

boost::json::object bits_json(const BitChecks& bits) {
  boost::json::array checks;
  for (const BitCheck& c : bits.checks) {
    boost::json::object o = {{"name", c.name}, {"differing", c.differing}};
    if (c.differing != 0) {
      o["token"] = c.token;
      o["logit"] = c.logit;
      o["was"] = c.was;
      o["is"] = c.is;
    }
    checks.push_back(std::move(o));
  }
  return {{"tokens", bits.tokens}, {"checks", std::move(checks)}};
}

boost::json::array powers_json(const std::vector<DefectPower>& powers) {
  boost::json::array defects;
  for (const DefectPower& p : powers) {
    defects.push_back({{"defect", p.defect->name},
                       {"unit", p.defect->unit},
                       {"usual", p.defect->sizes.front()},
                       {"injected", p.trials},
                       {"without_effect", p.unchanged},
                       {"caught", p.caught},
                       {"half_down_to", p.size_reached(0.5)},
                       {"at_best", p.size_reached(0)},
                       {"smallest_effect", p.smallest_effect},
                       {"smallest_at", to_string(p.smallest_at)},
                       {"largest_missed", p.largest_missed},
                       {"nmse_accepts", p.nmse_accepts},
                       {"cosine_accepts", p.cosine_accepts}});
  }
  return defects;
}

}  // namespace

boost::json::object verify_json(const VerifyReport& report) {
  std::string line = one_line(report);
  line.pop_back();
  boost::json::object r = {{"model", json_string(report.model)},
                           {"model_sha256", report.sha256},
                           {"architecture", report.architecture},
                           {"computed", report.computed},
                           {"token_ids", boost::json::value_from(report.ids)},
                           {"passes", boost::json::value_from(report.ops.passes)},
                           {"passed", passes(report)},
                           {"summary", margins_json(report.ops.all)},
                           {"ops", ops_json(report.ops)},
                           {"values", values_json(report.ops)},
                           {"decisions", decisions_json(report.ops)},
                           {"decoding", decoding_json(report.decoding)},
                           {"bits", bits_json(report.bits)}};
  if (!report.ops.powers.empty()) r["power"] = powers_json(report.ops.powers);
  r["line"] = line;
  return r;
}

}  // namespace kilter::cli
