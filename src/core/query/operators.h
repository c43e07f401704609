#pragma once
// The operators of a filter, by all the names that they go by.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/query/condition.h"

namespace mayfly::query {

struct Operator {
  Op op;
  bool insensitive = false;
};

/// Of that type of field; nothing for a name that it does not know.
std::optional<Operator> operator_named(std::string_view name, Type type);
/// Their canonical names, for messages.
std::vector<std::string> operators_of(Type type);
/// Known, and refused all the same: their cost has no bound.
bool unbounded(std::string_view name);

enum class Logic { all, any, negation };
std::optional<Logic> logic_named(std::string_view name);

}  // namespace mayfly::query
