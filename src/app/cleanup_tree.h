#pragma once
// The rows of a delete: planting a tree, and what the end of one task means for the rest of it.

#include "core/caller.h"
#include "core/cleanup.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly::cleanup_tree {

/// Plants the root of a delete and its steps, the first stage ready; below the task of what it lies in, where that
/// is deleted.
Result<TaskId> plant(Transaction& t, Random& random, const Resource& resource, const DeletePolicy& policy,
                     const EventId& source, std::map<std::string, std::string> metadata,
                     const std::optional<Branch>& branch = {});

/// Writes a task whose attempt ended, and carries the end upwards: the next stage is released, a parent whose children
/// are all completed completes, and one that can get no further fails, naming the child. A parent never completes
/// first.
Status settle(Transaction& t, Random& random, const Task& task);

/// The steps of one that was planted just now wait for branches of an earlier stage.
Status hold_steps(Transaction& t, const TaskId& root);

/// Of those above a task that goes on, the ones that had failed because of it go on too.
Status revive(Transaction& t, const TaskId& first);

/// Whether the files of what this tree deletes are being destroyed, or are gone: there is nothing left to keep.
Result<bool> past_no_return(Transaction& t, const Task& task);

/// A person wants it tried again: the failed or waiting leaves below `task` become ready, those of later stages wait
/// again, and failed ancestors go on.
Status retry(Transaction& t, const Task& task);

/// Nothing that has not begun below `task` begins; who is at work ends what it does. Up to `most` tasks are changed:
/// the rest are another transaction's. How many were changed.
Result<std::size_t> cancel(Transaction& t, Random& random, const Caller& caller, const Task& task, std::size_t most);

/// The task, or all below it that has an effect, counts as done though it was not: each leaves an orphan record. What
/// only takes rows away is carried out as ever. conflict while a worker is at any of it.
Status skip(Transaction& t, Random& random, const Caller& caller, const Task& task, const std::string& reason);

}  // namespace mayfly::cleanup_tree
