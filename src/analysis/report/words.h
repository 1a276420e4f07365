// What the three reports say in the same words.
#pragma once

#include <span>
#include <string>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

/// The answer, in one or two sentences: "1 bug found. First wrong value: blk.0.attn_q_rope (rope), from token
/// 1 on."
std::string headline(const Diagnosis& d);

/// "143 of 291 values compared, 12 names unmatched, 5 cannot say; 3,211,264 numbers."
std::string coverage_sentence(const Coverage& c);

/// What the last row says comes next, or nothing where the dump has no logits.
std::string next_token_sentence(const Diagnosis& d);

/// The value of that name, or null when the dump does not have it.
const ValueResult* value_at(const Diagnosis& d, At at);

/// The first value where the finding was seen, or null.
const ValueResult* first_value(const Diagnosis& d, const Finding& finding);

/// Whether finding `i` is worth more than a line: known bugs are, and the first three errors that none
/// explains. The others follow from these as often as not.
bool worth_details(const Diagnosis& d, size_t i);

/// How far the value is from the exact computation, whatever explains it.
const Score& exact_score(const ValueResult& value);
double exact_margin(const ValueResult& value);

/// Whether an element is farther off than others: none is where all are exact, or nothing could be compared.
bool has_worst_place(const Score& score);

/// The token that row `row` of the value's scores belongs to.
int32_t token_of(const ValueResult& value, size_t row);

/// Where the value is beyond its bounds: "from token 1 on", "at token 3", "at every token"; or nothing.
std::string tokens_sentence(const ValueResult& value);

/// "token 3, head 0, element 17"; "the printed sum".
std::string place_text(const ValueResult& value, const Place& place);

/// "blk.0.attn_q and blk.0.attn_k"; "blk.0.attn_q_rope first; attn_q_rope, attn_k_rope in layers 0-21"
std::string places_text(std::span<const At> at);

/// "bug: rope-pairs", "explained: store-bf16", "cannot say"
std::string verdict_text(const ValueResult& value);

/// "off by 1.6e+04 bounds at token 1, head 1, element 19; with this bug put in, by 0.21"
std::string margins_sentence(const Diagnosis& d, const Finding& finding);

}  // namespace kilter::analysis
