#pragma once
// Rows as the values of their fields, by place.

#include "core/cleanup.h"
#include "core/event.h"
#include "core/query/entity.h"

namespace mayfly::query {

using Facts = std::vector<Datum>;

Facts facts_of(const Task& task);
Facts facts_of(const Event& event);
Facts facts_of_workspace(const Resource& workspace);

}  // namespace mayfly::query
