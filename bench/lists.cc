#include "lists.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <random>

#include <fmt/core.h>
#include <sqlite3.h>

#include "core/query/cursor.h"
#include "core/query/listing.h"
#include "measure.h"
#include "os/hash.h"
#include "server.h"
#include "store/sql/list_table.h"
#include "store/sqlite/database.h"

namespace mayfly::bench {

namespace {

constexpr int pages = 400;
constexpr int slow_pages = 5;       // of a peer that takes seconds
constexpr auto page_path = "/api/cleanup-tasks?";

std::int64_t wanted_rows() {
  const char* text = std::getenv("MAYFLY_BENCH_ROWS");
  return text ? std::atoll(text) : 10'000'000;
}

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "bench: {}\n", result.error().message);
    std::exit(1);
  }
  return std::move(*result);
}

/// The statement that SQLite ran last, in steps of its machine: what a page costs on any disk.
class Steps {
 public:
  Steps() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&watch)); }
  ~Steps() { sqlite3_reset_auto_extension(); }
  static std::int64_t taken() { return std::exchange(steps, 0); }

 private:
  static int watch(sqlite3* database, const char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(database, SQLITE_TRACE_PROFILE, &count, nullptr);
  }
  static int count(unsigned, void*, void* statement, void*) {
    steps += sqlite3_stmt_status(static_cast<sqlite3_stmt*>(statement), SQLITE_STMTSTATUS_VM_STEP, 1);
    return 0;
  }
  static inline std::int64_t steps = 0;
};

/// Nine rows of ten are tasks of one workspace, in one history of a year; the others are their steps and those of a
/// hundred other workspaces. Every fifth has not ended, every fiftieth has failed.
std::string rows_text(const std::string& workspace, std::int64_t rows) {
  return fmt::format(R"(
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {0} - 1)
    INSERT INTO cleanup_task (id, root, parent, verb, resource_level, stage, resource, workspace, source, metadata,
                              phase, status, claim, attempts, next_attempt_at, last_error, error_code, created_at,
                              started_at, completed_at, queue, status_order)
    SELECT printf('clt_%012x7%03x8%015x', 1700000000000 + i * 3, i % 4096, i),
           printf('clt_%012x7%03x8%015x', 1700000000000 + (i - (i % 20 = 19)) * 3, (i - (i % 20 = 19)) % 4096,
                  i - (i % 20 = 19)),
           CASE WHEN i % 20 = 19 THEN printf('clt_%012x7%03x8%015x', 1700000000000 + (i - 1) * 3, (i - 1) % 4096, i - 1)
                ELSE '' END,
           CASE WHEN i % 20 = 19 THEN 'destroy_sandbox' WHEN i % 7 = 0 THEN 'delete_volume' ELSE 'delete_sandbox' END,
           i % 20 <> 19, 0,
           printf('sbx_%032x', i / 3),
           CASE WHEN i % 20 = 7 THEN printf('wsp_%032x', i % 100) ELSE '{1}' END,
           printf('evt_%032x', i), '{{"name":"build-' || i || '","kind":"sandbox"}}',
           CASE WHEN i % 50 = 3 THEN 'failed' ELSE 'completed' END,
           CASE WHEN i % 50 = 3 THEN 'failed' ELSE 'completed' END,
           0, i % 4, NULL, CASE WHEN i % 50 = 3 THEN 'the driver said no' ELSE '' END, '',
           1700000000000000 + i * 3000, 1700000000000000 + i * 3000 + 500,
           CASE WHEN i % 50 = 3 THEN NULL ELSE 1700000000000000 + i * 3000 + (i * 7919) % 1000000 END, NULL,
           CASE WHEN i % 50 = 3 THEN 3 ELSE 2 END
    FROM n;
    INSERT INTO cleanup_task_count (workspace, verb, status, tasks)
    SELECT workspace, verb, status, COUNT(*) FROM cleanup_task WHERE resource_level = 1
    GROUP BY workspace, verb, status;)",
                     rows, workspace);
}

/// All rows first and then the indexes, which is how ten million come in minutes.
void fill(SqliteDatabase& database, const std::string& workspace, std::int64_t rows) {
  const auto indexes = must(database.all(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'cleanup_task' AND sql IS NOT NULL", {},
      [](sql::Row& row) { return std::pair<std::string, std::string>{row.text(), row.text()}; }));
  std::string script = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; BEGIN;";
  for (const auto& [name, text] : indexes) script += "DROP INDEX " + name + ";";
  script += rows_text(workspace, rows);
  for (const auto& [name, text] : indexes) script += text + ";";
  script += "COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
  if (const auto done = database.script(script); !done) {
    fmt::print(stderr, "bench: {}\n", done.error().message);
    std::exit(1);
  }
}

struct Known {
  std::string user;
  std::string key;        // that cursors are signed with: "1 secret"
};

Known look_up(SqliteDatabase& database) {
  const auto text = [](sql::Row& row) { return row.text(); };
  return {must(database.first("SELECT id FROM app_user WHERE number = 1", {}, text)).value(),
          must(database.first("SELECT value FROM setting WHERE name = 'cursor.keys'", {}, text)).value()};
}

/// A cursor to the middle of the newest-first list, as the server would have given it after so many pages.
std::string deep_cursor(const Known& known, const std::string& workspace, const std::string& id) {
  const auto space = known.key.find(' ');
  const auto secret = known.key.substr(space + 1, known.key.find(' ', space + 1) - space - 1);
  const query::Cursors cursors({{static_cast<std::uint8_t>(std::atoi(known.key.c_str())), secret}}, os::hmac_sha256);
  const auto& entity = query::entity(query::Listed::cleanup_task);
  const auto where = query::Condition::all(
      {query::Condition::test(query::place_of(entity, "step"), query::Op::eq, {std::int64_t{0}})});
  const auto order = query::shortest(query::newest_first(), entity);
  return cursors.make({std::string(entity.name), query::to_text(order, entity), query::to_text(where, entity),
                       known.user + " " + workspace},
                      {id});
}

Samples time_pages(const Server& server, const std::function<std::string(int)>& path, int count = pages) {
  auto client = server.client();
  Samples samples;
  for (int i = 0; i < count; ++i) {
    const auto one = path(i);
    samples.ms.push_back(time_ms([&] { call(client, "GET", one, 200); }));
  }
  return samples;
}

std::string id_of(std::int64_t i) {
  return fmt::format("clt_{:012x}7{:03x}8{:015x}", 1700000000000 + i * 3, i % 4096, i);
}

/// What one page takes of SQLite itself, total and both neighbours included.
double steps_of_page(SqliteDatabase& database, const std::string& workspace, const std::string& id, bool backwards) {
  query::Listing listing;
  listing.scope = {workspace};
  const auto& entity = query::entity(listing.what);
  listing.where = query::Condition::test(query::place_of(entity, "step"), query::Op::eq, {std::int64_t{0}});
  listing.order = query::shortest(query::newest_first(), entity);
  listing.from = {{id}};
  listing.backwards = backwards;
  Steps::taken();
  must(sql::SqlListTable(database).slice(listing));
  return static_cast<double>(Steps::taken());
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-') out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::int64_t resident_kib(int pid) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("VmRSS:")) return std::atoll(line.c_str() + 6);
  return 0;
}

}  // namespace

void lists(const std::string& bin) {
  const auto rows = wanted_rows();
  Server server(bin);
  auto probe = server.client();
  const auto items = call(probe, "GET", "/v1/workspaces", 200).at("items").as_array();
  const auto workspace = text(items.at(0).as_object(), "id");
  server.stop();

  Steps steps;
  Known known;
  Samples offset, offset_steps, page_steps;
  {
    const auto database = must(SqliteDatabase::open({.path = server.data() + "/mayfly.db", .cache_kib = 16 * 1024}));
    known = look_up(*database);
    const auto filled = time_ms([&] { fill(*database, workspace, rows); });
    note("rows", fmt::format("{} in {:.0f} s", rows, filled / 1000));
    for (int i = 0; i < slow_pages; ++i) {
      Steps::taken();
      offset.ms.push_back(time_ms([&] {
        must(database->all("SELECT id FROM cleanup_task WHERE workspace = $1 AND resource_level = 1"
                           " ORDER BY id DESC LIMIT 100 OFFSET $2",
                           std::vector<sql::Parameter>{workspace, rows / 2}, [](sql::Row& row) { return row.text(); }));
      }));
      offset_steps.ms.push_back(static_cast<double>(Steps::taken()));
      for (const bool backwards : {false, true})
        page_steps.ms.push_back(steps_of_page(*database, workspace, id_of(rows / 5 * i), backwards));
    }
  }
  const auto start = time_ms([&] { server.start(); });
  note("ready again beside them", fmt::format("{:.0f} ms", start));
  const auto before = resident_kib(server.pid());

  std::mt19937_64 random(7);
  const auto somewhere = [&] {
    return deep_cursor(known, workspace, id_of(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(rows))));
  };
  const auto tell = [&](const std::string& what, const Samples& all) {
    row(what, all, "OFFSET in the middle, in SQL alone", offset, 0);
    note("...", fmt::format("p50 {:.2f} ms, p99 {:.2f} ms (aim p99 <= 5 {})", all.p50(), all.at(0.99),
                            all.at(0.99) <= 5 ? "met" : "MISSED"));
  };
  const std::string base = page_path;
  tell("first page of 100", time_pages(server, [&](int) { return base; }));
  tell("page anywhere", time_pages(server, [&](int) { return base + "after=" + somewhere(); }));
  tell("page before anywhere", time_pages(server, [&](int) { return base + "before=" + somewhere(); }));
  tell("failed ones", time_pages(server, [&](int) { return base + "status=failed"; }));
  tell("of one kind, oldest first", time_pages(server, [&](int) {
         return base + "resource_type=delete_volume&orderBy=" + encoded(R"([{"id":"asc"}])");
       }));
  tell("by their end, nulls first",
       time_pages(server, [&](int) { return base + "orderBy=" + encoded(R"([{"completedAt":"desc_nulls_first"}])"); }));
  tell("of one resource", time_pages(server, [&](int i) {
         return base + "filter=" + encoded(fmt::format(R"({{"resourceId":"sbx_{:032x}"}})", i * 1001));
       }));
  note("the server's memory", fmt::format("{:.1f} MB before, {:.1f} MB after {} pages",
                                          static_cast<double>(before) / 1024,
                                          static_cast<double>(resident_kib(server.pid())) / 1024, 7 * pages));
  note("steps of SQLite's machine", fmt::format("{:.0f} for a page at any depth (most {:.0f}), {:.0f} with OFFSET",
                                                page_steps.p50(), page_steps.at(1), offset_steps.p50()));
}

}  // namespace mayfly::bench
