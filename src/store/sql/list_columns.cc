#include "store/sql/list_columns.h"

#include <array>

#include "base/result.h"

namespace mayfly::sql {

namespace {

constexpr std::array task_columns = {
    Column{"id"},
    Column{"parent", true},
    Column{"workspace"},
    Column{"source", true},
    Column{"verb"},
    Column{"resource"},
    Column{"metadata"},
    Column{"status_order"},
    Column{"attempts"},
    Column{"last_error", true},
    Column{"created_at"},
    Column{"completed_at"},
    Column{"started_at"},
    Column{"root"},
    Column{"phase"},
    Column{"error_code", true},
    Column{"resource_level", false, true},
};
constexpr std::array event_columns = {
    Column{"id"},    Column{"type"},             Column{"subject"}, Column{"workspace"},
    Column{"actor"}, Column{"request_id", true}, Column{"data"},    Column{"happened_at"},
    Column{"parent", true}, Column{"app_user", true},
};
constexpr std::array workspace_columns = {
    Column{"id"}, Column{"name"}, Column{"state"}, Column{"created_at"}, Column{"deleted_at"}, Column{"updated_at"},
};
constexpr std::array folder_columns = {
    Column{"id"},         Column{"name"},       Column{"state"},     Column{"created_at"},
    Column{"deleted_at"}, Column{"updated_at"}, Column{"workspace"},
};
constexpr std::array element_columns = {
    Column{"id"},         Column{"name"},       Column{"state"},     Column{"created_at"},
    Column{"deleted_at"}, Column{"updated_at"}, Column{"workspace"}, Column{"parent"},
};
constexpr std::array trash_columns = {
    Column{"id"},   Column{"kind"},       Column{"name"},       Column{"scope"},
    Column{"tier"}, Column{"deleted_at"}, Column{"deleted_by"}, Column{"purge_at"},
};
constexpr std::array hold_columns = {
    Column{"id"},     Column{"resource"},   Column{"workspace"},  Column{"owner"},
    Column{"reason"}, Column{"created_at"}, Column{"expires_at"}, Column{"ended_at"},
};

constexpr std::array tables = {
    ListedTable{"cleanup_task", task_columns},
    ListedTable{"event", event_columns},
    ListedTable{"resource", workspace_columns, "@.kind = 'workspace' AND @.gone = 0"},
    ListedTable{"resource", folder_columns, "@.kind = 'app' AND @.gone = 0"},
    ListedTable{"resource", element_columns, "@.kind = 'element' AND @.gone = 0"},
    ListedTable{"resource", folder_columns, "@.kind = 'database' AND @.gone = 0"},
    ListedTable{"trash", trash_columns, "@.restoring = 0"},
    ListedTable{"hold", hold_columns},
};

}  // namespace

const ListedTable& table_of(query::Listed what) {
  const auto& table = tables[static_cast<std::size_t>(what)];
  CHECK(table.columns.size() == query::entity(what).fields.size());
  return table;
}

}  // namespace mayfly::sql
