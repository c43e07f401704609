// What filters find, of a few rows: the reader and the meaning together.

#include <gtest/gtest.h>

#include "core/query/evaluate.h"
#include "core/query/filter.h"
#include "core/written.h"

namespace mayfly::query {
namespace {

const ResourceId here{"wsp_here"}, elsewhere{"wsp_elsewhere"};

Time at(int second) { return service_time(second * std::int64_t{1'000'000}); }

Task task(const char* id, Verb verb, Phase phase, int attempts, int created) {
  Task made;
  made.id = made.root = {id};
  made.verb = verb;
  made.phase = phase;
  made.work.attempts = attempts;
  made.created_at = at(created);
  made.resource = {"sbx_1"};
  made.workspace = here;
  return made;
}

/// clt_1 has the steps clt_2 and clt_3; clt_4 has failed; clt_5 is done; clt_6 is another workspace's.
std::vector<Task> tasks() {
  auto one = task("clt_1", Verb::delete_sandbox, Phase::children, 0, 100);
  one.source = {"evt_1"};
  one.metadata = {{"region", "eu"}, {"tier", "gold"}};
  auto two = task("clt_2", Verb::stop_sandbox, Phase::completed, 1, 101);
  two.completed_at = at(201);
  auto three = task("clt_3", Verb::archive_sandbox, Phase::backing_off, 5, 102);
  three.work.last_error = "Disk is FULL: 100%";
  three.work.error_code = "no_space";
  two.parent = three.parent = one.id;
  two.root = three.root = one.id;
  auto four = task("clt_4", Verb::delete_volume, Phase::failed, 12, 103);
  four.source = {"evt_2"};
  four.resource = {"vol_1"};
  four.metadata = {{"region", "us"}};
  four.work.last_error = "no answer from größe a_b*c";
  auto five = task("clt_5", Verb::delete_sandbox, Phase::completed, 2, 104);
  five.source = {"evt_1"};
  five.completed_at = at(202);
  auto six = task("clt_6", Verb::delete_volume, Phase::failed, 12, 105);
  six.workspace = elsewhere;
  six.parent = one.id;
  return {one, two, three, four, five, six};
}

std::vector<Facts> rows_of(Listed what) {
  std::vector<Facts> rows;
  if (what == Listed::cleanup_task)
    for (const auto& row : tasks()) rows.push_back(facts_of(row));
  if (what == Listed::event) {
    const std::string type = "sandbox.delete_accepted";
    rows.push_back(facts_of(Event{{"evt_1"}, type, {"sbx_1"}, here, "user:ada", "req-1", {}, at(99)}));
    rows.push_back(facts_of(Event{{"evt_2"}, type, {"vol_1"}, elsewhere, "user:eve", "", {}, at(98)}));
  }
  if (what == Listed::workspace)
    for (const auto& [id, name] : {std::pair(here, "default"), std::pair(elsewhere, "other")}) {
      Resource row;
      row.id = id;
      row.kind = Kind::workspace;
      row.name = name;
      rows.push_back(facts_of_workspace(row));
    }
  return rows;
}

/// The numbers of the tasks that it finds, in their order, or why it was refused.
std::string found(const std::string& filter, Listed what = Listed::cleanup_task) {
  const auto condition = read_filter(written(filter), {.entity = entity(what)});
  if (!condition) return condition.error().message;
  Listing listing;
  listing.what = what;
  listing.scope = here;
  listing.where = *condition;
  listing.order = reversed(newest_first());
  std::string numbers;
  for (const auto& row : slice(listing, rows_of).rows) numbers += row.id.substr(4);
  return numbers;
}

struct Row {
  const char* filter;
  const char* finds;
};

void expect_found(std::initializer_list<Row> rows) {
  for (const auto& [filter, finds] : rows) EXPECT_EQ(found(filter), finds) << filter;
}

TEST(Filter, ComparesNumbersTimesWordsAndFlags) {
  expect_found({
      {"{}", "12345"},
      {"{'attempts': 5}", "3"},
      {"{'attempts': {'ne': 5}}", "1245"},
      {"{'attempts': {'gt': 2}}", "34"},
      {"{'attempts': {'gte': 2}}", "345"},
      {"{'attempts': {'lt': 2}}", "12"},
      {"{'attempts': {'lte': 2.0}}", "125"},
      {"{'attempts': {'between': [1, 5]}}", "235"},
      {"{'attempts': {'between': [5, 1]}}", ""},
      {"{'attempts': {'in': [0, 12, 99]}}", "14"},
      {"{'attempts': {'notIn': [0, 12, 99]}}", "235"},
      {"{'attempts': {'gte': 1, 'lt': 5}}", "25"},
      {"{'createdAt': {'gte': '1970-01-01T00:01:43Z'}}", "45"},
      {"{'createdAt': '1970-01-01T01:01:43+01:00'}", "4"},
      {"{'status': 'failed'}", "4"},
      {"{'status': {'in': ['pending', 'in_progress']}}", "13"},
      {"{'status': {'ne': 'completed'}}", "134"},
      {"{'phase': 'backing_off'}", "3"},
      {"{'resourceType': 'delete_sandbox'}", "15"},
      {"{'resourceType': 'delete_workspace'}", ""},
      {"{'step': true}", "23"},
      {"{'step': {'ne': true}}", "145"},
      {"{'id': {'gt': 'clt_3'}}", "45"},
      {"{'workspaceId': 'wsp_elsewhere'}", ""},
  });
}

TEST(Filter, KnowsNothingOfWhatIsNullUnlessItIsAsked) {
  expect_found({
      {"{'completedAt': null}", "134"},
      {"{'completedAt': {'eq': null}}", "134"},
      {"{'completedAt': {'ne': null}}", "25"},
      {"{'completedAt': {'isDistinctFrom': null}}", "25"},
      {"{'completedAt': {'not': null}}", "25"},
      {"{'completedAt': {'isNull': true}}", "134"},
      {"{'completedAt': {'isNull': false}}", "25"},
      {"{'completedAt': {'isNotNull': true}}", "25"},
      {"{'completedAt': {'isNotNull': false}}", "134"},
      {"{'completedAt': {'is': 'NULL'}}", "134"},
      {"{'completedAt': {'is': 'NOT_NULL'}}", "25"},
      {"{'completedAt': {'gt': '1970-01-01T00:03:21Z'}}", "5"},
      {"{'NOT': {'completedAt': {'gt': '1970-01-01T00:03:21Z'}}}", "2"},
      {"{'NOT': {'NOT': {'completedAt': {'gt': '1970-01-01T00:03:21Z'}}}}", "5"},
      {"{'completedAt': {'ne': '1970-01-01T00:03:21Z'}}", "5"},
      {"{'completedAt': {'isDistinctFrom': '1970-01-01T00:03:21Z'}}", "1345"},
      {"{'OR': [{'completedAt': {'lt': '1970-01-01T00:03:22Z'}}, {'attempts': 0}]}", "12"},
      {"{'errorCode': {'in': []}}", ""},
      {"{'errorCode': {'notIn': []}}", "12345"},
      {"{'errorCode': {'notIn': ['other']}}", "3"},
  });
}

TEST(Filter, FindsTextByItsParts) {
  expect_found({
      {"{'lastError': 'Disk is FULL: 100%'}", "3"},
      {"{'lastError': {'contains': 'FULL'}}", "3"},
      {"{'lastError': {'contains': 'full'}}", ""},
      {"{'lastError': {'icontains': 'full'}}", "3"},
      {"{'lastError': {'contains': 'full', 'mode': 'insensitive'}}", "3"},
      {"{'lastError': {'contains': 'full', 'mode': 'default'}}", ""},
      {"{'lastError': {'mode': 'insensitive', 'not': {'contains': 'FULL'}}}", "4"},
      {"{'lastError': {'contains': ''}}", "34"},
      {"{'lastError': {'startsWith': 'Disk'}}", "3"},
      {"{'lastError': {'istartsWith': 'NO ANSWER'}}", "4"},
      {"{'lastError': {'endsWith': '100%'}}", "3"},
      {"{'lastError': {'endsWith': 'Disk'}}", ""},
      {"{'lastError': {'like': 'Disk%'}}", "3"},
      {"{'lastError': {'like': 'disk%'}}", ""},
      {"{'lastError': {'ilike': 'disk%'}}", "3"},
      {"{'lastError': {'like': '%100\\\\%'}}", "3"},
      {"{'lastError': {'like': '%100\\\\'}}", ""},
      {"{'lastError': {'like': '%a\\\\_b_c'}}", "4"},
      {"{'lastError': {'like': '%gr__e%'}}", "4"},
      {"{'lastError': {'like': '%gr_e%'}}", ""},
      {"{'lastError': {'like': ''}}", ""},
      {"{'lastError': {'like': '%%'}}", "34"},
      {"{'lastError': {'like': 'Disk'}}", ""},
      {"{'lastError': {'notLike': 'Disk%'}}", "4"},
      {"{'lastError': {'notIlike': '%ANSWER%'}}", "3"},
      {"{'errorCode': {'gt': 'no'}}", "3"},
  });
}

TEST(Filter, LooksIntoMaps) {
  expect_found({
      {"{'metadata': {'hasKey': 'tier'}}", "1"},
      {"{'metadata': {'path': ['region'], 'eq': 'eu'}}", "1"},
      {"{'metadata': {'path': 'region', 'ne': 'eu'}}", "4"},
      {"{'metadata': {'path': ['region'], 'isNull': true}}", "235"},
      {"{'metadata': {'path': ['region'], 'startsWith': 'u'}}", "4"},
      {"{'metadata': {'path': ['region', 'deeper'], 'isNotNull': true}}", ""},
      {"{'metadata': {'path': ['region'], 'not': {'eq': 'eu'}}}", "4"},
      {"{'metadata': {'jsonContains': {'region': 'eu', 'tier': 'gold'}}}", "1"},
      {"{'metadata': {'jsonContains': {'region': 'us', 'tier': 'gold'}}}", ""},
      {"{'metadata': {'jsonContains': {}}}", "12345"},
      {"{'metadata': {'NOT': {'hasKey': 'region'}}}", "235"},
      {"{'metadata': {'OR': [{'hasKey': 'tier'}, {'path': ['region'], 'eq': 'us'}]}}", "14"},
      {"{'metadata': {}}", "12345"},
  });
}

TEST(Filter, JoinsItsPartsWithLogic) {
  expect_found({
      {"{'AND': []}", "12345"},
      {"{'OR': []}", ""},
      {"{'AND': {'attempts': 1}}", "2"},
      {"{'AND': [{'attempts': {'gt': 0}}, {'step': true}]}", "23"},
      {"{'OR': [{'attempts': 0}, {'status': 'failed'}]}", "14"},
      {"{'NOT': {'status': 'completed'}}", "134"},
      {"{'NOT': {'OR': [{'attempts': 0}, {'step': true}]}}", "45"},
      {"{'attempts': {'OR': [{'lt': 1}, {'gt': 5}]}}", "14"},
      {"{'attempts': {'not': {'gt': 2}}}", "125"},
      {"{'attempts': {'not': 2}}", "1234"},
      {"{'attempts': {'AND': [{'gt': 0}, {'lt': 5}, 2]}}", "5"},
      {"{'step': true, 'attempts': 5, 'status': 'pending'}", "3"},
  });
}

TEST(Filter, FollowsRelationsWithinTheWorkspaceAlone) {
  expect_found({
      {"{'parent': null}", "145"},
      {"{'parent': {'is': null}}", "145"},
      {"{'parent': {'isNot': null}}", "23"},
      {"{'parent': true}", "23"},
      {"{'parent': {'status': 'in_progress'}}", "23"},
      {"{'parent': {'is': {'status': 'failed'}}}", ""},
      {"{'parent': {'isNot': {'status': 'failed'}}}", "12345"},
      {"{'children': true}", "1"},
      {"{'children': false}", "2345"},
      {"{'children': {'some': {'attempts': 5}}}", "1"},
      {"{'children': {'some': {'attempts': 12}}}", ""},
      {"{'children': {'attempts': 5}}", "1"},
      {"{'children': {'none': {'attempts': 5}}}", "2345"},
      {"{'children': {'every': {'attempts': {'gt': 0}}}}", "12345"},
      {"{'children': {'every': {'attempts': {'gt': 1}}}}", "2345"},
      {"{'children': {'every': {'completedAt': {'gt': '1970-01-01T00:00:00Z'}}}}", "2345"},
      {"{'children': {'some': {'step': true}, 'none': {'status': 'failed'}}}", "1"},
      {"{'sourceEvent': {'actor': 'user:ada'}}", "15"},
      {"{'sourceEvent': {'actor': 'user:eve'}}", ""},
      {"{'sourceEvent': null}", "234"},
      {"{'sourceEvent': {'cleanupTasks': {'some': {'attempts': 2}}}}", "15"},
      {"{'workspace': {'name': 'default'}}", "12345"},
      {"{'workspace': {'name': 'other'}}", ""},
  });
  EXPECT_EQ(found("{'requestId': null}", Listed::event), "");
  EXPECT_EQ(found("{'cleanupTasks': {'every': {'resourceType': 'delete_sandbox'}}}", Listed::event), "1");
}

/// Each operator, under the first of its names, with an operand that is right for it.
TEST(Filter, TakesEveryNameOfAnOperator) {
  const struct {
    const char* field;
    const char* operand;
    std::vector<const char*> names;
  } table[] = {
      {"attempts", "2", {"eq", "equals", "equalTo", "_eq", "$eq", "is"}},
      {"attempts", "2", {"ne", "neq", "not", "notEqualTo", "_neq", "_ne", "$ne", "isNot"}},
      {"attempts", "2", {"isDistinctFrom", "distinctFrom", "is_distinct_from"}},
      {"attempts", "[2, 5]", {"in", "_in", "$in", "inArray"}},
      {"attempts", "[2, 5]", {"notIn", "nin", "not_in", "_nin", "$nin", "notInArray"}},
      {"attempts", "2", {"gt", "_gt", "$gt", "greaterThan"}},
      {"attempts", "2", {"gte", "_gte", "$gte", "greaterThanOrEqualTo", "greaterThanOrEqual"}},
      {"attempts", "2", {"lt", "_lt", "$lt", "lessThan"}},
      {"attempts", "2", {"lte", "_lte", "$lte", "lessThanOrEqualTo", "lessThanOrEqual"}},
      {"completedAt", "true", {"isNull", "_is_null", "is_null", "null"}},
      {"completedAt", "true", {"isNotNull", "is_not_null"}},
      {"lastError", "'%FULL%'", {"like", "_like", "$like"}},
      {"lastError", "'%full%'", {"ilike", "_ilike", "$ilike", "iLike"}},
      {"lastError", "'%FULL%'", {"notLike", "_nlike", "not_like"}},
      {"lastError", "'%full%'", {"notIlike", "_nilike", "notILike", "not_ilike"}},
      {"lastError", "'FULL'", {"contains", "includes"}},
      {"lastError", "'full'", {"icontains", "containsInsensitive", "includesInsensitive"}},
      {"lastError", "'Disk'", {"startsWith", "starts_with"}},
      {"lastError", "'disk'", {"istartsWith", "startsWithInsensitive", "istarts_with"}},
      {"lastError", "'100%'", {"endsWith", "ends_with"}},
      {"lastError", "'A_B*C'", {"iendsWith", "endsWithInsensitive", "iends_with"}},
      {"metadata", "'tier'", {"hasKey", "has_key"}},
      {"metadata", "{'tier': 'gold'}", {"jsonContains", "json_contains"}},
  };
  const auto with = [](const char* field, const char* name, const char* operand) {
    return found("{'" + std::string(field) + "': {'" + name + "': " + operand + "}}");
  };
  for (const auto& [field, operand, names] : table) {
    const auto first = with(field, names.front(), operand);
    EXPECT_TRUE(!first.empty() && first.find_first_not_of("12345") == first.npos) << names.front() << ": " << first;
    for (const auto* name : names) EXPECT_EQ(with(field, name, operand), first) << name;
  }
  for (const auto* name : {"AND", "and", "_and", "$and"})
    EXPECT_EQ(found("{'" + std::string(name) + "': [{'attempts': 2}, {'step': false}]}"), "5") << name;
  for (const auto* name : {"OR", "or", "_or", "$or"})
    EXPECT_EQ(found("{'" + std::string(name) + "': [{'attempts': 2}, {'attempts': 5}]}"), "35") << name;
  for (const auto* name : {"NOT", "not", "_not", "$not"})
    EXPECT_EQ(found("{'" + std::string(name) + "': {'step': true}}"), "145") << name;
}

TEST(Filter, IsOneTextForOneMeaning) {
  const auto text = [](const std::string& filter) {
    const auto& tasks = entity(Listed::cleanup_task);
    return to_text(*read_filter(written(filter), {.entity = tasks}), tasks);
  };
  EXPECT_EQ(text("{'NOT': {'OR': [{'attempts': 1}, {'lastError': {'ilike': 'a%'}}]}}"),
            "(not (any attempts eq 1 lastError i-like 2:a%))");
  EXPECT_EQ(text("{'children': {'every': {'completedAt': null}}, 'metadata': {'path': ['a'], 'in': ['b', 'c']}}"),
            "(all (all (every children completedAt isNull)) metadata[1:a] in 1:b 1:c)");
  EXPECT_EQ(to_text(Condition::test(9, Op::distinct, {Datum()}), entity(Listed::cleanup_task)),
            "lastError isDistinctFrom null");
}

}  // namespace
}  // namespace mayfly::query
