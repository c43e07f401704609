#pragma once
// What is done with a row whatever its kind.

#include <functional>

#include "ports/store.h"

namespace mayfly {

/// A row as every kind has it, changed and written back by the table of its kind. For those that can be in the trash.
Status change_row(Transaction& t, const ResourceId& id, const std::function<void(Resource&)>& change);

/// conflict "parent_deleting" or "parent_trashed", naming it: nothing new is made there. In the transaction that would
/// make it.
Status refuse_closed(Transaction& t, const ResourceId& parent);

/// conflict "held", naming the holds: of the thing itself, or of what lies in it.
Status refuse_held(Transaction& t, const Resource& resource);

/// "app Notes (app_...)", for messages.
std::string called(const Resource& resource);

/// The newest root of its delete; empty when there is none.
Result<TaskId> delete_task_of(Transaction& t, const ResourceId& id);

}  // namespace mayfly
