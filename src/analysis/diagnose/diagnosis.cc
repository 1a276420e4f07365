#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

std::string_view to_string(ValueVerdict verdict) {
  switch (verdict) {
    case ValueVerdict::exact:
      return "exact";
    case ValueVerdict::within:
      return "within";
    case ValueVerdict::explained:
      return "explained";
    case ValueVerdict::bug:
      return "bug";
    case ValueVerdict::unexplained:
      return "unexplained";
    case ValueVerdict::doubtful:
      return "doubtful";
    case ValueVerdict::cannot_say:
      break;
  }
  return "cannot_say";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::clean:
      return "clean";
    case Outcome::explained:
      return "explained";
    case Outcome::bug:
      return "bug";
    case Outcome::undecided:
      return "undecided";
    case Outcome::nothing_compared:
      break;
  }
  return "nothing_compared";
}

}  // namespace kilter::analysis
