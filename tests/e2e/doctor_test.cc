// Doctor on a server that is up: what was planted by hand is found, named, mended when somebody says so, and then all
// is clean. Explain: why something is here, or is not.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "e2e/planting.h"

namespace mayfly::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Doctor : public Served {
 protected:
  void SetUp() override {
    // The reconciler mends much by itself: here it looks at the start only, so that doctor is seen to find it.
    server_.configure("[reconcile]\nevery_seconds = 86400\n");
    Served::SetUp();
    std::ofstream(server_.folder() + "/key") << Server::key;
  }
  Ran ask(std::vector<std::string> words) {
    std::vector<std::string> all = {"--url", server_.url(), "--key-file", server_.folder() + "/key"};
    all.insert(all.end(), words.begin(), words.end());
    return mayfly(all);
  }
  std::string deleted(const std::string& id, const std::string& query) {
    const auto accepted = api().remove(Api::of(id) + query);
    EXPECT_EQ(accepted.status, 202) << accepted;
    EXPECT_TRUE(server_.task_completes(accepted.string("cleanup_task_id")));
    return accepted.string("cleanup_task_id");
  }
  json::object archive_of(const std::string& sandbox) {
    const auto found = api().get("/v1/archives?sandbox=" + sandbox).items();
    EXPECT_EQ(found.size(), 1u) << sandbox;
    return found.empty() ? json::object() : found.front();
  }
  std::string key_in_store(const std::string& archive) {
    for (const auto& entry : fs::recursive_directory_iterator(server_.data() + "/archives"))
      if (entry.path().filename() == archive + ".tar.zst") return entry.path().string();
    ADD_FAILURE() << archive;
    return {};
  }
  void expect_found(const std::string& trouble, const std::string& where) {
    const auto report = server_.doctor();
    const auto findings = report.at("findings");
    for (const auto& finding : findings.as_array())
      if (finding.at("trouble") == json::value(trouble) &&
          finding.at("where").as_string().find(where) != std::string::npos)
        return;
    ADD_FAILURE() << "no " << trouble << " of " << where << ": " << report;
  }
  void mend_all(int code = 0) {
    const auto fixed = ask({"doctor", "--fix", "--yes"});
    EXPECT_EQ(fixed.exit_code, code) << fixed.out << fixed.err;
    EXPECT_TRUE(comes_true([&] { return server_.clean(); })) << server_.doctor();
  }
};

TEST_F(Doctor, IsCleanOnAServerThatIsAndSaysSo) {
  given_sandbox();

  const auto ran = ask({"doctor"});

  EXPECT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("clean: 1 sandboxes"));
  EXPECT_EQ(mayfly({"doctor", "--url", "http://127.0.0.1:1"}).exit_code, 2) << "it could not look";
}

TEST_F(Doctor, FindsWhatIsOnTheHostAndInNoRecordAndTakesItAwayWithAnArchive) {
  Planting plant(server_, given_sandbox());
  const auto mount = plant.mount(stray_uid(1)), link = plant.link(stray_uid(2)),
             group = plant.empty_group(stray_uid(3)), process = plant.group_with_process(stray_uid(4)),
             layer = plant.layer(stray_uid(5), "keep me"), trash = plant.trash(stray_uid(6));

  const auto ran = ask({"doctor"});
  EXPECT_EQ(ran.exit_code, 1) << ran.out;
  for (const auto& where : {mount, link, group, process, layer, trash}) EXPECT_THAT(ran.out, HasSubstr(where));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("by itself: "), HasSubstr("to do: "), HasSubstr("known since ")));
  EXPECT_EQ(ask({"doctor", "--fix"}).exit_code, 2) << "it asks first, and there is nobody to ask";
  expect_found("unknown", layer);

  mend_all();

  for (int number = 1; number <= 6; ++number)
    EXPECT_TRUE(comes_true([&] { return server_.traces_of(stray_uid(number)).empty(); })) << number;
  const auto archive = archive_of("sbx_" + stray_uid(5));
  EXPECT_EQ(api().get("/v1/archives/" + std::string(archive.at("id").as_string()) + "/files").status, 200);
  EXPECT_THAT(api().get("/v1/events?type=doctor.fix").text, HasSubstr("user:admin"));
  EXPECT_EQ(api().get("/v1/explain/sbx_" + stray_uid(5)).string("state"), "gone");
}

TEST_F(Doctor, EndsAQuarantineWhenToldTo) {
  Planting plant(server_, given_sandbox());
  plant.layer(stray_uid(1), "text");
  server_.restart();

  expect_found("quarantined", "sbx_" + stray_uid(1));
  mend_all();

  EXPECT_TRUE(comes_true([&] { return api().state("sbx_" + stray_uid(1)) == "gone"; }));
  EXPECT_EQ(archive_of("sbx_" + stray_uid(1)).at("state"), json::value("active"));
}

TEST_F(Doctor, FindsRecordsOfWhatIsNotThere) {
  const auto stopped = given_sandbox({{"name", "without-files"}}), killed = given_sandbox({{"name", "killed"}});
  ASSERT_EQ(api().post(Api::of(stopped, "stop")).status, 200);
  fs::remove_all(server_.data() + "/layers/" + stopped.substr(4));
  Planting(server_, killed).kill_all_of(killed.substr(4));

  expect_found("files_missing", stopped);
  EXPECT_TRUE(comes_true([&] { return server_.doctor().text.find("\"vanished\"") != std::string::npos; }));
  mend_all();

  EXPECT_TRUE(comes_true([&] { return api().state(stopped) == "gone"; })) << api().get(Api::of(stopped));
  EXPECT_TRUE(comes_true([&] { return api().state(killed) == "stopped"; })) << api().get(Api::of(killed));
  EXPECT_EQ(api().get(Api::of(killed)).string("ended.reason"), "lost");
}

TEST_F(Doctor, FilesThatCameBackAfterTheEndGoWithAnArchive) {
  const auto gone = given_sandbox();
  Planting plant(server_, gone);
  deleted(gone, "?archive=false");
  const auto layer = plant.layer(gone.substr(4), "was not lost");

  expect_found("leftover", layer);
  mend_all();

  EXPECT_TRUE(comes_true([&] { return api().state(gone) == "gone"; }));
  const auto archive = std::string(archive_of(gone).at("id").as_string());
  EXPECT_EQ(api().get("/v1/archives/" + archive + "/content?path=/file").status, 200);
  EXPECT_THAT(api().get("/v1/explain/" + gone).text, HasSubstr("files of it were found after its end"));
}

TEST_F(Doctor, ReadsArchivesBackOnlyWhenToldTo) {
  const auto lost = given_sandbox(), bent = given_sandbox(), fine = given_sandbox();
  for (const auto& id : {lost, bent, fine}) {
    ASSERT_EQ(api().exec(id, "echo text > /file").status, 200);
    deleted(id, "?archive=true");
  }
  const auto archive_id = [&](const std::string& id) { return std::string(archive_of(id).at("id").as_string()); };
  const auto lost_archive = archive_id(lost), bent_archive = archive_id(bent);
  fs::remove(key_in_store(lost_archive));
  {
    std::fstream object(key_in_store(bent_archive), std::ios::in | std::ios::out | std::ios::binary);
    object.seekg(40);
    const char flipped = static_cast<char>(object.get() ^ 4);
    object.seekp(40);
    object.put(flipped);
  }
  const auto stray = fs::path(key_in_store(archive_id(fine))).parent_path() / ("arc_" + stray_uid(1) + ".tar.zst");
  std::ofstream(stray) << "an object";

  expect_found("archive_missing", lost_archive);
  expect_found("stray_object", stray.filename().string());
  EXPECT_EQ(server_.doctor().text.find("archive_damaged"), std::string::npos);
  const auto deep = ask({"--json", "doctor", "--deep"});
  EXPECT_EQ(deep.exit_code, 1) << deep.out;
  EXPECT_THAT(deep.out, AllOf(HasSubstr("archive_damaged"), HasSubstr(bent_archive), HasSubstr("\"archives_read\":1")));

  EXPECT_EQ(ask({"doctor", "--deep", "--fix", "--yes"}).exit_code, 1);
  EXPECT_TRUE(fs::exists(stray)) << "never by the way";
  EXPECT_EQ(ask({"doctor", "--deep", "--fix", "--strays", "--yes"}).exit_code, 0);
  EXPECT_TRUE(comes_true([&] { return api().get("/v1/doctor?deep=true").at("clean") == json::value(true); }));
  EXPECT_EQ(api().get("/v1/archives/" + bent_archive).status, 404);
  EXPECT_EQ(api().get("/v1/archives/" + archive_id(fine)).string("state"), "active");
  EXPECT_FALSE(fs::exists(stray));
}

TEST_F(Doctor, SaysWhatOnlyAPersonCanDoAndMendsForAdminsOnly) {
  const auto path = server_.data() + "/layers/lost+found";
  fs::create_directories(path);

  expect_found("stranger", path);
  const auto ran = ask({"doctor", "--fix", "--yes"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("none of it can be mended from here"));
  const auto asked = api().post("/v1/doctor/fix", json::object{{"findings", json::array{"stranger:" + path}}});
  EXPECT_EQ(asked.items().at(0).at("outcome"), json::value("failed")) << asked;
  EXPECT_TRUE(fs::exists(path)) << "never touched";
  fs::remove(path);

  ASSERT_EQ(api().post("/v1/users", json::object{{"name", "mel"}, {"role", "member"}}).status, 201);
  ASSERT_EQ(api().put("/v1/workspaces/default/members/mel", json::object()).status, 200);
  const auto key = api().post("/v1/keys", json::object{{"name", "of a test"}, {"user", "mel"}}).string("secret");
  auto mel = server_.connect_with({{"Authorization", "Bearer " + key}});
  EXPECT_EQ(mel.post("/v1/doctor/fix", json::object{{"findings", json::array{"x"}}}).status, 403);
  EXPECT_EQ(mel.get("/v1/doctor?deep=true").status, 403);
  EXPECT_EQ(api().post("/v1/doctor/fix").status, 400);
  const auto gone = api().post("/v1/doctor/fix", json::object{{"findings", json::array{"trash:no"}}});
  EXPECT_EQ(gone.items().at(0).at("outcome"), json::value("gone"));
}

TEST_F(Doctor, TellsOfADeleteThatHasGivenUpAndTriesItAgain) {
  const auto id = given_sandbox();
  Planting plant(server_, id);
  const auto layer = server_.data() + "/layers/" + id.substr(4), aside = server_.data() + "/aside";
  ASSERT_EQ(api().post(Api::of(id, "stop")).status, 200);
  fs::rename(layer, aside);
  const auto task = api().remove(Api::of(id)).string("cleanup_task_id");
  ASSERT_TRUE(comes_true([&] { return api().get("/v1/cleanup-tasks/" + task).string("status") == "failed"; }));

  expect_found("task_failed", task);
  EXPECT_THAT(api().get("/v1/explain/" + id).text, AllOf(HasSubstr("archive_sandbox"), HasSubstr("has failed")));
  fs::rename(aside, layer);
  mend_all();

  EXPECT_TRUE(server_.task_completes(task));
  EXPECT_EQ(archive_of(id).at("state"), json::value("active"));
}

TEST_F(Doctor, ExplainTellsWhyAndThroughWhom) {
  const auto id = given_sandbox({{"name", "told"}, {"lifetime", json::object{{"max_age_seconds", 3600}}}});
  const auto alive = api().get("/v1/explain/told");
  EXPECT_EQ(alive.string("id"), id);
  EXPECT_THAT(alive.string("summary"), AllOf(HasSubstr("is running"), HasSubstr("max_age")));

  const auto task = deleted(id, "?archive=true");
  const auto archive = std::string(archive_of(id).at("id").as_string());
  const auto gone = api().get("/v1/explain/" + id);
  EXPECT_EQ(gone.string("state"), "gone");
  EXPECT_THAT(gone.string("summary"), AllOf(HasSubstr("user:admin"), HasSubstr("asked for"), HasSubstr(archive)));
  EXPECT_EQ(gone.string("cleanup_task_id"), task);
  EXPECT_THAT(gone.at("history").as_array().front().at("text").as_string().c_str(), HasSubstr("created"));
  EXPECT_EQ(api().get("/v1/explain/" + task).string("id"), id);
  EXPECT_THAT(api().get("/v1/explain/" + archive).text, HasSubstr("holds the files of " + id));

  const auto brief = given_sandbox({{"lifetime", json::object{{"max_age_seconds", 1}}}});
  ASSERT_TRUE(comes_true([&] { return api().state(brief) == "gone"; }));
  EXPECT_THAT(api().get("/v1/explain/" + brief).string("summary"),
              AllOf(HasSubstr("system:deadline"), HasSubstr("max_age")));

  const auto volume = api().post("/v1/volumes", json::object{{"name", "shelf"}}).string("id");
  const auto holder = given_sandbox({{"mounts", json::array{json::object{{"volume", "shelf"}, {"path", "/s"}}}}});
  EXPECT_THAT(api().get("/v1/explain/shelf").text, AllOf(HasSubstr(volume), HasSubstr(holder + " mounts it")));
  EXPECT_EQ(api().get("/v1/explain/nothing-of-that-name").string("code"), "nothing_to_explain");
  const auto ran = ask({"explain", id});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("what happened:"));
  EXPECT_EQ(ask({"explain", "sbx_" + stray_uid(9)}).exit_code, 3);
}

}  // namespace
}  // namespace mayfly::test
