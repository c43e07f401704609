#pragma once
// What a condition and an order mean, without a database: the specification that the SQL is held against, and what
// the store in memory runs.

#include <functional>

#include "core/query/facts.h"
#include "core/query/listing.h"

namespace mayfly::query {

/// All rows of that entity.
using Everything = std::function<std::vector<Facts>(Listed)>;

/// Whether it is in the list: in the scope, and the condition is true of it.
bool matches(const Listing& listing, const Facts& row, const Everything& everything);

/// Before zero, after zero: how two rows stand to each other.
int compare(const Order& order, const std::vector<Datum>& a, const std::vector<Datum>& b);

std::vector<Datum> keys_of(const Order& order, const Facts& row);

/// The answer, from all rows of the entity.
Slice slice(const Listing& listing, const Everything& everything);

}  // namespace mayfly::query
