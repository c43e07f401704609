#pragma once
// Reads a filter: {"status": "failed", "OR": [{"attempts": {"gte": 3}}, {"lastError": {"icontains": "disk"}}]}.
// All members of one object must hold. The names of operators have aliases (core/query/operators.cc), because clients
// come from several worlds.

#include "core/query/condition.h"
#include "core/query/refusal.h"
#include "core/query/value.h"

namespace mayfly::query {

namespace limits {
constexpr std::size_t depth = 8;            // of AND, OR, NOT within each other: what a planner digests
constexpr std::size_t hops = 2;             // from a row to its relations and theirs; each is a semi-join
constexpr std::size_t admin_hops = 3;
constexpr std::size_t leaves = 64;
constexpr std::size_t nodes = 256;          // objects, also empty ones: each makes the statement deeper
constexpr std::size_t list = 500;           // items of one IN
constexpr std::size_t lists = 1'000;        // of all of them: each is a bound value
constexpr std::size_t branches = 100;       // of one AND or OR
constexpr std::size_t pattern_bytes = 256;
constexpr std::size_t wildcards = 8;
constexpr std::size_t text_bytes = 4'096;   // of one operand
constexpr std::size_t path_steps = 5;
}  // namespace limits

struct FilterReading {
  const Entity& entity;
  Spelling spelling = Spelling::camel;
  std::size_t hops = limits::hops;
  std::string param = "filter";
};

Read<Condition> read_filter(const Value& filter, const FilterReading& reading);

/// What text of a query string means for that field: one operand, as the filter would read it.
Read<Datum> read_operand(std::string_view text, const Field& field, const std::string& param);

}  // namespace mayfly::query
