// Lists of cleanup tasks over HTTP, on rows that real deletes have made: pages, cursors, filters, and Aeontel's shapes.

#include <set>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

class TaskLists : public Served {
 protected:
  static constexpr int deletes = 5;

  void SetUp() override {
    Served::SetUp();
    for (int i = 0; i < deletes; ++i) {
      const auto made = api().post("/v1/volumes", json::object{{"name", "v" + std::to_string(i)}});
      ASSERT_EQ(made.status, 201) << made;
      const auto gone = api().remove("/v1/volumes/" + made.string("id") + "?archive=false");
      ASSERT_TRUE(server_.task_completes(gone.string("cleanup_task_id"))) << gone;
      tasks_.push_back(gone.string("cleanup_task_id"));
    }
  }

  Answer list(const std::string& query) { return api().get("/api/cleanup-tasks" + query); }
  Answer filtered(const std::string& filter) { return list("?filter=" + http::encode(filter)); }
  static std::vector<std::string> ids(const Answer& page) {
    std::vector<std::string> all;
    if (const auto data = page.at("data"); data.is_array())
      for (const auto& task : data.get_array()) all.emplace_back(task.at("id").as_string());
    return all;
  }
  std::vector<std::string> newest_first() const { return {tasks_.rbegin(), tasks_.rend()}; }

  std::vector<std::string> tasks_;
};

TEST_F(TaskLists, HaveTheShapeOfTheirApi) {
  const auto page = list("");
  ASSERT_EQ(page.status, 200) << page;
  EXPECT_EQ(ids(page), newest_first());
  const auto task = page.at("data").as_array().at(0).as_object();
  std::set<std::string> names;
  for (const auto& member : task) names.emplace(member.key());
  for (const auto* name : {"id", "parentId", "workspaceId", "sourceEventId", "resourceType", "resourceId", "metadata",
                           "status", "attempts", "lastError", "createdAt", "completedAt"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_EQ(task.at("parentId"), json::value());
  EXPECT_EQ(task.at("resourceType"), json::value("delete_volume"));
  EXPECT_EQ(task.at("status"), json::value("completed"));
  EXPECT_TRUE(task.at("sourceEventId").as_string().starts_with("evt_"));
  EXPECT_TRUE(task.at("resourceId").as_string().starts_with("vol_"));
  EXPECT_TRUE(task.at("metadata").is_object());
  EXPECT_TRUE(task.at("attempts").is_int64());
  EXPECT_EQ(task.at("lastError"), json::value());
  EXPECT_TRUE(task.at("completedAt").as_string().ends_with("Z"));

  EXPECT_EQ(page.at("pageInfo.total"), json::value(deletes));
  EXPECT_EQ(page.at("pageInfo.hasNextPage"), json::value(false));
  EXPECT_EQ(page.at("pageInfo.hasPreviousPage"), json::value(false));
  EXPECT_TRUE(page.at("pageInfo.startCursor").is_string());
  EXPECT_TRUE(page.at("pageInfo.endCursor").is_string());
  EXPECT_EQ(api().get("/api/cleanup-tasks/" + tasks_[0]).at("resourceType"), json::value("delete_volume"));

  const auto tree = api().get("/api/cleanup-tasks/" + tasks_[0] + "/tree");
  ASSERT_TRUE(tree.body.is_array()) << tree;
  EXPECT_EQ(tree.body.as_array().at(0).at("id"), json::value(tasks_[0]));
  EXPECT_GE(tree.body.as_array().size(), 4u);
  for (std::size_t i = 1; i < tree.body.as_array().size(); ++i)
    EXPECT_EQ(tree.body.as_array().at(i).at("parentId"), json::value(tasks_[0]));
  EXPECT_EQ(api().get("/api/cleanup-tasks/" + tasks_[0] + "/tree?depth=0").body.as_array().size(), 1u);
  EXPECT_EQ(api().get("/api/cleanup-tasks/" + tasks_[0] + "/tree?limit=2").body.as_array().size(), 2u);
  EXPECT_EQ(api().get("/api/cleanup-tasks/" + tasks_[0] + "/tree?limit=x").status, 400);

  const auto retried = api().post("/api/cleanup-tasks/" + tasks_[0] + "/retry");
  EXPECT_EQ(retried.status, 409) << retried;
  EXPECT_EQ(retried.string("error.code"), "task_not_failed");
  EXPECT_EQ(retried.string("error.message"),
            "cleanup task " + tasks_[0] + " is completed; only failed tasks can be retried");
  EXPECT_EQ(api().post("/api/cleanup-tasks/clt_none/retry").status, 404);
  EXPECT_EQ(api().get("/api/nothing").string("error.code"), "route_not_found");
}

TEST_F(TaskLists, ArePagedBothWaysAndEmptyInTheEnd) {
  const auto all = newest_first();
  std::vector<std::string> seen;
  std::string query = "?limit=2";
  Answer page;
  for (bool more = true; more;) {
    page = list(query);
    ASSERT_EQ(page.status, 200) << page;
    EXPECT_EQ(page.at("pageInfo.hasPreviousPage"), json::value(!seen.empty()));
    for (const auto& id : ids(page)) seen.push_back(id);
    more = page.at("pageInfo.hasNextPage") == json::value(true);
    query = "?limit=2&after=" + page.string("pageInfo.endCursor");
  }
  EXPECT_EQ(seen, all);
  const auto beyond = list(query);
  EXPECT_TRUE(ids(beyond).empty());
  EXPECT_EQ(beyond.at("pageInfo.hasPreviousPage"), json::value(true));
  EXPECT_EQ(beyond.at("pageInfo.startCursor"), json::value());

  const auto back = list("?limit=3&before=" + page.string("pageInfo.startCursor"));
  EXPECT_EQ(ids(back), std::vector<std::string>(all.begin() + 1, all.begin() + 4)) << "another limit is fine";
  EXPECT_EQ(back.at("pageInfo.hasPreviousPage"), json::value(true));
  EXPECT_EQ(back.at("pageInfo.hasNextPage"), json::value(true));

  server_.restart();
  EXPECT_EQ(ids(list("?limit=2&after=" + back.string("pageInfo.endCursor"))), std::vector<std::string>({all[4]}))
      << "cursors outlive the server";
}

TEST_F(TaskLists, RefuseCursorsThatAreNotTheirs) {
  const auto cursor = list("?limit=2").string("pageInfo.endCursor");
  const auto reason = [&](const std::string& query) {
    const auto answer = list(query);
    EXPECT_EQ(answer.status, 400) << answer;
    EXPECT_EQ(answer.string("error.code"), "invalid_cursor");
    return answer.string("error.reason");
  };
  for (std::size_t at = 0; at < cursor.size(); ++at) {
    auto changed = cursor;
    changed[at] = cursor[at] == 'A' ? 'B' : 'A';
    const auto why = reason("?limit=2&after=" + changed);
    EXPECT_TRUE(why == "altered" || why == "malformed" || why == "retired_key") << at << " " << why;
  }
  EXPECT_EQ(reason("?after=" + cursor + "&status=completed"), "other_filter");
  EXPECT_EQ(reason("?after=" + cursor + "&orderBy=" + http::encode(R"([{"status":"asc"}])")), "other_order");
  EXPECT_EQ(reason("?before=nonsense"), "malformed");
  EXPECT_EQ(list("?after=" + cursor + "&before=" + cursor).string("error.code"), "cursor_conflict");

  ASSERT_EQ(api().post("/v1/users", json::object{{"name", "bob"}}).status, 201);
  ASSERT_EQ(api().put("/v1/workspaces/default/members/bob", json::object()).status, 200);
  const auto key = api().post("/v1/keys", json::object{{"name", "bobs"}, {"user", "bob"}, {"workspace", "default"}});
  auto bob = server_.connect_with({{"Authorization", "Bearer " + key.string("secret")}});
  EXPECT_EQ(bob.get("/api/cleanup-tasks?limit=2&after=" + cursor).string("error.reason"), "other_caller");
  EXPECT_EQ(bob.get("/api/cleanup-tasks/" + tasks_[0]).status, 200);
  EXPECT_EQ(bob.get("/api/cleanup-tasks/" + tasks_[0] + "/tree").status, 403);
  EXPECT_EQ(bob.call("POST", "/api/cleanup-tasks/" + tasks_[0] + "/retry").status, 403);
  EXPECT_EQ(bob.call("POST", "/api/cleanup-tasks/clt_none/retry").status, 404);
}

TEST_F(TaskLists, AreFiltered) {
  const auto all = newest_first();
  EXPECT_EQ(ids(list("?ids=" + tasks_[1] + "," + tasks_[3])), std::vector<std::string>({tasks_[3], tasks_[1]}));
  EXPECT_EQ(ids(list("?status=completed&resource_type=delete_volume&total=exact")), all);
  EXPECT_TRUE(ids(list("?status=failed")).empty());
  const auto task = list("?limit=1").at("data").as_array().at(0);
  const std::string source(task.at("sourceEventId").as_string());
  EXPECT_EQ(ids(list("?source_event_id=" + source)), std::vector<std::string>({all[0]}));
  EXPECT_GE(ids(list("?parent_id=" + tasks_[0])).size(), 3u) << "steps are found by their parent";
  EXPECT_EQ(ids(filtered(R"({"sourceEvent": {"type": {"startsWith": "volume."}}, "children": {"every": {"status": )"
                         R"("completed"}}, "workspace": {"name": "default"}})")),
            all);
  EXPECT_TRUE(ids(filtered(R"({"children": {"some": {"status": {"ne": "completed"}}}})")).empty());
  EXPECT_EQ(ids(filtered(R"({"NOT": {"parentId": {"eq": "clt_1"}}})")).size(), 0u) << "null is not another id";
  EXPECT_EQ(ids(filtered(R"({"parentId": {"isDistinctFrom": "clt_1"}})")), all);

  const auto by_body =
      api().call("POST", "/api/cleanup-tasks/query",
                 R"({"filter": {"status": "completed"}, "orderBy": [{"completedAt": "asc"}], "limit": 2})");
  EXPECT_EQ(ids(by_body), std::vector<std::string>({tasks_[0], tasks_[1]})) << by_body;
  const auto next = api().post("/api/cleanup-tasks/query",
                               json::object{{"filter", {{"status", "completed"}}},
                                            {"orderBy", json::array{json::object{{"completedAt", "asc"}}}},
                                            {"after", by_body.at("pageInfo.endCursor")}});
  EXPECT_EQ(ids(next), std::vector<std::string>({tasks_[2], tasks_[3], tasks_[4]})) << next;

  const auto unknown = list("?stauts=failed");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.string("error.message"), "no such query parameter: stauts; did you mean status?");
  const auto wrong = filtered(R"({"OR": [{}, {"attempts": {"gte": "three"}}]})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.string("error.code"), "invalid_filter");
  EXPECT_EQ(wrong.string("error.path"), "/OR/1/attempts/gte");
  EXPECT_EQ(wrong.string("error.message"),
            "filter.OR[1].attempts.gte: expected an integer, got the string \"three\"");
}

TEST_F(TaskLists, ShowNothingOfOtherWorkspaces) {
  ASSERT_EQ(api().post("/v1/workspaces", json::object{{"slug", "elsewhere"}}).status, 201);
  const auto elsewhere = api().get("/v1/workspaces/elsewhere").string("id");
  const auto home = api().get("/v1/workspaces/default").string("id");
  ASSERT_EQ(api().post("/v1/users", json::object{{"name", "eve"}}).status, 201);
  ASSERT_EQ(api().put("/v1/workspaces/elsewhere/members/eve", json::object()).status, 200);
  const auto key = api().post("/v1/keys", json::object{{"name", "eves"}, {"user", "eve"}, {"workspace", "elsewhere"}});
  auto eve = server_.connect_with({{"Authorization", "Bearer " + key.string("secret")}});
  const auto event = list("?limit=1").at("data").as_array().at(0).at("sourceEventId");

  for (const auto& query : std::vector<std::string>{
           "", "?ids=" + tasks_[0], "?parent_id=" + tasks_[0], "?workspace_id=" + home,
           "?source_event_id=" + std::string(event.as_string()),
           "?filter=" + http::encode(R"({"workspaceId": ")" + home + R"("})"),
           "?filter=" + http::encode(R"({"parent": {"id": ")" + tasks_[0] + R"("}})"), "?steps=true"}) {
    const auto answer = eve.get("/api/cleanup-tasks" + query);
    EXPECT_EQ(answer.status, 200) << query << answer;
    EXPECT_TRUE(ids(answer).empty()) << query << answer;
    EXPECT_EQ(answer.at("pageInfo.total"), json::value(0)) << query;
  }
  const auto theirs = eve.get("/api/cleanup-tasks/" + tasks_[0]), none = eve.get("/api/cleanup-tasks/clt_none");
  EXPECT_EQ(theirs.status, 404);
  EXPECT_EQ(theirs.string("error.code"), none.string("error.code"));

  EXPECT_TRUE(ids(list("?workspace_id=" + elsewhere)).empty()) << "an admin looks into the one that is named";
  EXPECT_EQ(ids(list("?workspace_id=" + home)), newest_first());
}

TEST_F(TaskLists, AreTheSameNatively) {
  std::vector<std::string> seen;
  std::string query = "?limit=2&status=completed&total=exact&order_by=" + http::encode(R"([{"created_at": "asc"}])");
  auto page = api().get("/v1/cleanup-tasks" + query);
  EXPECT_EQ(page.at("total"), json::value(deletes)) << page;
  for (;;) {
    for (const auto& item : page.items()) seen.emplace_back(item.at("id").as_string());
    if (!page.at("next_cursor").is_string()) break;
    page = api().get("/v1/cleanup-tasks" + query + "&cursor=" + page.string("next_cursor"));
  }
  EXPECT_EQ(seen, tasks_);
  const auto refused = api().get("/v1/cleanup-tasks?cursor=" + tasks_[0]);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.string("code"), "query_invalid");
  const auto filter = api().get("/v1/cleanup-tasks?filter=" + http::encode(R"({"createdAt": null})"));
  EXPECT_EQ(filter.string("code"), "unknown_field") << filter;
}

}  // namespace
}  // namespace mayfly::test
