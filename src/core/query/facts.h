#pragma once
// Rows as the values of their fields, by place.

#include "core/cleanup.h"
#include "core/event.h"
#include "core/hold.h"
#include "core/query/entity.h"
#include "core/trash.h"

namespace mayfly::query {

using Facts = std::vector<Datum>;

Facts facts_of(const Task& task);
Facts facts_of(const Event& event);
Facts facts_of_workspace(const Resource& workspace);
/// Of an app, an element or a database.
Facts facts_of(const Resource& resource);
Facts facts_of(const Trashed& trashed);
Facts facts_of(const Hold& hold);

}  // namespace mayfly::query
