#include "cli/exit_code.h"

#include <algorithm>
#include <array>

namespace kilter::cli {
namespace {

constexpr std::array kExitCodes = {
    ExitCodeInfo{ExitCode::ok, "success"},
    ExitCodeInfo{ExitCode::negative, "the answer is no: a check, a comparison or a checksum failed"},
    ExitCodeInfo{ExitCode::usage, "the command line is wrong"},
    ExitCodeInfo{ExitCode::unavailable, "something is not there, or the system or the network refused it"},
    ExitCodeInfo{ExitCode::corrupt, "a file breaks its own format"},
    ExitCodeInfo{ExitCode::unsupported, "a valid file or request that this build cannot serve"},
    ExitCodeInfo{ExitCode::memory, "not enough memory"},
    ExitCodeInfo{ExitCode::undecided, "nothing is wrong beyond doubt, and something is not right"},
    ExitCodeInfo{ExitCode::nothing_compared, "there was nothing to compare, which is not a pass"},
    ExitCodeInfo{ExitCode::interrupted, "interrupted (Ctrl-C, SIGTERM)"},
};

struct Row {
  ErrorCode error;
  ExitCode exit;
};

constexpr std::array kExitCodeOfError = {
    Row{ErrorCode::usage, ExitCode::usage},
    Row{ErrorCode::not_found, ExitCode::unavailable},
    Row{ErrorCode::io, ExitCode::unavailable},
    Row{ErrorCode::corrupt, ExitCode::corrupt},
    Row{ErrorCode::unsupported, ExitCode::unsupported},
    Row{ErrorCode::mismatch, ExitCode::negative},
    Row{ErrorCode::memory, ExitCode::memory},
    Row{ErrorCode::interrupted, ExitCode::interrupted},
};

}  // namespace

std::span<const ExitCodeInfo> all_exit_codes() { return kExitCodes; }

std::string_view meaning_of(ExitCode code) {
  const auto info = std::find_if(kExitCodes.begin(), kExitCodes.end(),
                                 [code](const ExitCodeInfo& row) { return row.code == code; });
  return info->meaning;
}

ExitCode exit_code_for(ErrorCode code) {
  const auto row = std::find_if(kExitCodeOfError.begin(), kExitCodeOfError.end(),
                                [code](const Row& candidate) { return candidate.error == code; });
  return row->exit;
}

}  // namespace kilter::cli
