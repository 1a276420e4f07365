// The op list of a model, as text and as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>

#include "model/model.h"
#include "observe/listing_ops.h"

namespace kilter::cli {

/// Whether layers that are alike are shown once or each.
enum class Layers { once, each };

std::string ops_text(std::span<const ListedOp> ops, Layers layers);
boost::json::object ops_json(const Model& model, std::span<const ListedOp> ops);

}  // namespace kilter::cli
