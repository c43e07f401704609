#include "store/sql/migration.h"

namespace mayfly::sql {

namespace {

constexpr Migration known[] = {
    {1,
#include "store/sql/migrations/0001_initial.sql"
    },
    {2,
#include "store/sql/migrations/0002_people.sql"
    },
    {3,
#include "store/sql/migrations/0003_idempotency.sql"
    },
    {4,
#include "store/sql/migrations/0004_archive_checks.sql"
    },
    {5,
#include "store/sql/migrations/0005_network.sql"
    },
    {6,
#include "store/sql/migrations/0006_standby.sql"
    },
    {7,
#include "store/sql/migrations/0007_volumes.sql"
    },
    {8,
#include "store/sql/migrations/0008_quotas.sql"
    },
    {9,
#include "store/sql/migrations/0009_images.sql"
    },
    {10,
#include "store/sql/migrations/0010_lists.sql"
    },
    {11,
#include "store/sql/migrations/0011_forest.sql"
    },
    {12,
#include "store/sql/migrations/0012_dispatch.sql"
    },
    {13,
#include "store/sql/migrations/0013_runtimes.sql"
    },
};

std::string in_dialect(const Database& database, std::string_view script) {
  constexpr std::string_view mark = "{clustered}";
  std::string text(script);
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
    text.replace(at, mark.size(), database.clustered());
  return text;
}

Result<std::int64_t> current_version(Database& database) {
  TRY(database.script("CREATE TABLE IF NOT EXISTS schema_version ("
                      " version BIGINT NOT NULL PRIMARY KEY,"
                      " applied_at BIGINT NOT NULL)"));
  const auto version = TRY(database.first("SELECT MAX(version) FROM schema_version", {},
                                          [](Row& row) { return row.optional_time(); }));
  return version && *version ? microseconds(**version) : 0;
}

Status apply(Database& database, const Migration& step, Time now) {
  TRY(database.script(in_dialect(database, step.script)));
  TRY(database.exec(R"(
      INSERT INTO schema_version (version, applied_at)
      VALUES ($1, $2))",
                    {step.version, now}));
  return {};
}

}  // namespace

std::span<const Migration> migrations() { return known; }

Status migrate(Database& database, std::span<const Migration> steps, Time now) {
  const auto found = TRY(current_version(database));
  const int newest = steps.empty() ? 0 : steps.back().version;
  if (found > newest)
    return fail(Code::unsupported,
                "the database has schema version " + std::to_string(found) + " and this program knows versions up to " +
                    std::to_string(newest) +
                    ": run the newer program that wrote it, or restore the backup that was made before the upgrade",
                "schema_too_new");
  for (const auto& step : steps) {
    if (step.version <= found) continue;
    TRY(database.exec("BEGIN"));
    auto applied = apply(database, step, now);
    if (applied) applied = database.exec("COMMIT").map([](std::int64_t) {});
    if (!applied) {
      // The first error is the one to tell; a rollback that fails as well leaves nothing committed either.
      static_cast<void>(database.exec("ROLLBACK"));
      return tl::unexpected(in_context("cannot bring the database to schema version " + std::to_string(step.version),
                                       std::move(applied).error()));
    }
  }
  return {};
}

}  // namespace mayfly::sql
