#pragma once
// What a value means for a field.

#include "core/query/entity.h"
#include "core/query/value.h"

namespace mayfly::query {

struct Operand {
  std::optional<Datum> datum;          // nothing: it cannot be one of this field
  std::string expected = {};           // then: what can
  std::vector<std::string> allowed = {};
};

Operand operand_of(const Value& value, const Field& field);

}  // namespace mayfly::query
