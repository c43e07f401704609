#pragma once
// Wide tables: their column lists, written once and made into statements, and the columns of a SandboxSpec, which
// sandboxes and archives have in common.

#include "core/sandbox_spec.h"
#include "store/sql/database.h"

namespace mayfly::sql {

/// Names, to be followed by those of the table itself.
constexpr std::string_view spec_columns =
    "image, image_digest, cpus, memory_mb, pids, disk_mb, env, workdir, excluded_paths, restore_from, network,"
    " standby_seconds";

SandboxSpec read_spec(Row& row);

/// The values in the same order.
void append_spec(std::vector<Parameter>& parameters, const SandboxSpec& spec);

/// "t.a, t.b" for "a, b".
std::string qualified(std::string_view table, std::string_view columns);

/// "INSERT INTO table (id, columns) VALUES ($1, ...) ON CONFLICT DO NOTHING"
std::string insert_text(std::string_view table, std::string_view columns);

/// "UPDATE table SET column = $2, ... WHERE id = $1"
std::string update_text(std::string_view table, std::string_view columns);

}  // namespace mayfly::sql
