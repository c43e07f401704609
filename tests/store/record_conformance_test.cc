// Events, archives, permits, images, people and settings.

#include "store/both_stores.h"

namespace mayfly {
namespace {

class RecordTables : public BothStores {
 protected:
  std::string archives(const ArchiveFilter& filter, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.archives().list(filter, page); }));
  }
  void given(const Archive& archive) {
    write(store(), [&](Transaction& t) { return t.archives().insert(archive); });
  }
  std::string events(const EventFilter& filter, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.events().list(filter, page); }));
  }
  std::optional<DeletePermit> permit(const LayerRef& layer) {
    return read([&](Transaction& t) { return t.archives().find_permit(layer); });
  }
  std::string image(const std::string& name_or_digest) {
    const auto found = read([&](Transaction& t) { return t.images().find(name_or_digest); });
    return found ? found->name + " " + found->digest : "none";
  }
};
FOR_BOTH_STORES(RecordTables);

TEST_P(RecordTables, KeepEveryMemberOfAnEvent) {
  auto event = given_event(1);
  event.data = {{"message", "bytes \xff of a program"}, {"quote", "\"\\\n\t"}};
  write(store(), [&](Transaction& t) { return t.events().insert(event); });

  const auto found = read([](Transaction& t) { return t.events().list({}, {}); });

  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(as_text(found[0]), as_text(event));
  EXPECT_EQ(outcome(store().write([&](Transaction& t) { return t.events().insert(event); })), "conflict id_taken");
}

TEST_P(RecordTables, ListEventsByWhatIsAskedFor) {
  auto elsewhere = given_event(4, "sandbox.deleted");
  elsewhere.workspace = workspace_id(2);
  elsewhere.subject = sandbox_id(2);
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.events().insert(given_event(1)));
    TRY(t.events().insert(given_event(2, "sandbox.deleted")));
    TRY(t.events().insert(given_event(3)));
    return t.events().insert(elsewhere);
  });

  EXPECT_EQ(events({}), "4 3 2 1");
  EXPECT_EQ(events({.workspace = workspace_id(1), .subject = {}, .type = {}}), "3 2 1");
  EXPECT_EQ(events({.workspace = {}, .subject = sandbox_id(2), .type = {}}), "4");
  EXPECT_EQ(events({.workspace = {}, .subject = {}, .type = "sandbox.deleted"}), "4 2");
  EXPECT_EQ(events({.workspace = workspace_id(1), .subject = sandbox_id(1), .type = "sandbox.created"},
                   {.before = event_id(3).text, .limit = 5}),
            "1");
  EXPECT_EQ(events({}, {.before = {}, .limit = 2}), "4 3");
}

TEST_P(RecordTables, KeepEveryMemberOfAnArchive) {
  given(full_archive(1));
  EXPECT_EQ(as_text(read([](Transaction& t) { return t.archives().get(archive_id(1)); })), as_text(full_archive(1)));

  write(store(), [](Transaction& t) { return t.archives().update(given_archive(1)); });

  EXPECT_EQ(as_text(read([](Transaction& t) { return t.archives().get(archive_id(1)); })), as_text(given_archive(1)));
}

TEST_P(RecordTables, RefuseAKnownArchiveAndMissAnUnknownOne) {
  given(given_archive(1));

  EXPECT_EQ(outcome(store().write([](Transaction& t) { return t.archives().insert(given_archive(1)); })),
            "conflict id_taken");
  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.archives().get(archive_id(2)); })), "not_found");
}

TEST_P(RecordTables, LetManyArchivesBeCalledAlikeAndOneHoldTheName) {
  auto holder = given_archive(2);
  holder.resource.name_held = true;
  given(given_archive(1));
  given(holder);
  given(given_archive(3));

  holder.resource.id = archive_id(4);
  EXPECT_EQ(outcome(store().write([&](Transaction& t) { return t.archives().insert(holder); })), "conflict name_taken");
}

TEST_P(RecordTables, ListArchivesByWhatIsAskedFor) {
  given(given_archive(1));
  given(given_archive(2, State::writing));
  given(given_archive(3, State::gone));
  auto other = given_archive(4);
  other.resource.workspace = workspace_id(2);
  other.sandbox = sandbox_id(2);
  given(other);

  EXPECT_EQ(archives({}), "4 1");
  EXPECT_EQ(archives({.workspace = workspace_id(1), .sandbox = {}, .states = {}}), "1");
  EXPECT_EQ(archives({.workspace = {}, .sandbox = sandbox_id(2), .states = {}}), "4");
  EXPECT_EQ(archives({.workspace = {}, .sandbox = {}, .states = {State::writing, State::gone}}), "3 2");
  EXPECT_EQ(archives({}, {.before = archive_id(4).text, .limit = 5}), "1");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.archives().scan("", 2); })), "1 2");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.archives().scan(archive_id(2).text, 2); })), "4");
}

TEST_P(RecordTables, PinAnImageWhileAnArchiveNeedsIt) {
  const auto needed = [&] { return read([](Transaction& t) { return t.archives().needs_image("sha256:busy"); }); };
  given(given_archive(1));
  EXPECT_TRUE(needed());

  write(store(), [](Transaction& t) { return t.archives().update(given_archive(1, State::gone)); });

  EXPECT_FALSE(needed());
}

TEST_P(RecordTables, KeepOnePermitForEachLayer) {
  const LayerRef layer{"inst", uid_of(sandbox_id(1)), 1};
  const LayerRef second{"inst", uid_of(sandbox_id(1)), 2};
  EXPECT_FALSE(permit(layer));

  write(store(), [&](Transaction& t) -> Status {
    TRY(t.archives().put_permit(DeletePermit::from_verified_archive(layer, 3, archive_id(1))));
    return t.archives().put_permit(DeletePermit::from_waiver(second, 3, event_id(5)));
  });
  EXPECT_TRUE(permit(layer)->covers(layer, 3));
  EXPECT_FALSE(permit(layer)->covers(layer, 4));
  EXPECT_EQ(permit(layer)->archive(), archive_id(1));
  EXPECT_EQ(permit(second)->waiver(), event_id(5));
  EXPECT_FALSE(permit({"other", uid_of(sandbox_id(1)), 1}));

  write(store(), [&](Transaction& t) {
    return t.archives().put_permit(DeletePermit::from_waiver(layer, 4, event_id(6)));
  });
  EXPECT_TRUE(permit(layer)->covers(layer, 4));
  EXPECT_FALSE(permit(layer)->archive());

  write(store(), [&](Transaction& t) { return t.archives().drop_permit(layer); });
  write(store(), [&](Transaction& t) { return t.archives().drop_permit(layer); });
  EXPECT_FALSE(permit(layer));
  EXPECT_TRUE(permit(second));
}

TEST_P(RecordTables, FindAnImageByNameBeforeDigest) {
  write(store(), [](Transaction& t) -> Status {
    TRY(t.images().put({"zeta", "sha256:one", 5, {{"PATH", "/bin"}}, "/srv", at(1)}));
    TRY(t.images().put({"alpha", "sha256:one", 5, {}, "/", at(1)}));
    return t.images().put({"sha256:one", "sha256:two", 5, {}, "/", at(1)});
  });
  EXPECT_EQ(image("sha256:one"), "sha256:one sha256:two");
  EXPECT_EQ(image("none"), "none");
  const auto zeta = read([](Transaction& t) { return t.images().find("zeta"); });
  EXPECT_EQ(zeta->env, (std::map<std::string, std::string>{{"PATH", "/bin"}}));
  EXPECT_EQ(zeta->workdir, "/srv");
  EXPECT_EQ(zeta->bytes, 5);
  EXPECT_EQ(zeta->created_at, at(1));

  write(store(), [](Transaction& t) -> Status {
    TRY(t.images().remove("sha256:one"));
    TRY(t.images().remove("never there"));
    return t.images().put({"zeta", "sha256:three", 6, {}, "/", at(2)});
  });

  EXPECT_EQ(image("sha256:one"), "alpha sha256:one");
  EXPECT_EQ(image("zeta"), "zeta sha256:three");
  const auto all = read([](Transaction& t) { return t.images().list(); });
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "alpha");
}

TEST_P(RecordTables, FindOrganizationsAndWorkspacesBySlug) {
  Resource organization;
  organization.id = {id_text("org_", 1)};
  organization.kind = Kind::organization;
  organization.name = "default";
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.identities().insert_organization(organization));
    return t.identities().insert_workspace(given_workspace(1, "default"));
  });
  const auto find = [&](const std::string& id_or_slug) {
    const auto found = read([&](Transaction& t) { return t.identities().find_workspace(id_or_slug); });
    return found ? as_text(found->resource) : "none";
  };

  EXPECT_EQ(as_text(*read([](Transaction& t) { return t.identities().find_organization("default"); })),
            as_text(organization));
  EXPECT_FALSE(read([](Transaction& t) { return t.identities().find_organization("other"); }));
  EXPECT_EQ(find("default"), as_text(given_workspace(1, "default").resource));
  EXPECT_EQ(find(workspace_id(1).text), find("default"));
  EXPECT_EQ(find("other"), "none");
  organization.id = {id_text("org_", 2)};
  EXPECT_EQ(outcome(store().write([&](Transaction& t) { return t.identities().insert_organization(organization); })),
            "conflict name_taken");
}

TEST_P(RecordTables, KeepSlugsUniqueOnTheInstallationUntilTheyAreReleased) {
  write(store(), [](Transaction& t) { return t.identities().insert_workspace(given_workspace(1, "team")); });
  const auto insert = [&](int number) {
    return outcome(store().write(
        [&](Transaction& t) { return t.identities().insert_workspace(given_workspace(number, "team")); }));
  };
  EXPECT_EQ(insert(2), "conflict name_taken");
  EXPECT_EQ(insert(1), "conflict id_taken");

  auto released = given_workspace(1, "team");
  released.resource.name_held = false;
  released.always_archive = true;
  write(store(), [&](Transaction& t) { return t.identities().update_workspace(released); });
  EXPECT_EQ(insert(2), "fine");

  const auto first = read([](Transaction& t) { return t.identities().find_workspace(workspace_id(1).text); });
  EXPECT_TRUE(first->always_archive);
  EXPECT_EQ(read([](Transaction& t) { return t.identities().find_workspace("team"); })->resource.id, workspace_id(2));
  EXPECT_EQ(outcome(store().write(
                [&](Transaction& t) { return t.identities().update_workspace(given_workspace(1, "team")); })),
            "conflict name_taken");
}

TEST_P(RecordTables, KnowUsersByIdAndName) {
  const User admin{{id_text("usr_", 1)}, 1, "admin", Role::admin, true, at(1)};
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.identities().insert_user(admin));
    return t.identities().insert_user({{id_text("usr_", 2)}, 0, "bob", Role::reader, false, at(2)});
  });
  const auto insert = [&](int id, std::int64_t number, const std::string& name) {
    const User user{{id_text("usr_", id)}, number, name, Role::member, true, at(3)};
    return outcome(store().write([&](Transaction& t) { return t.identities().insert_user(user); }));
  };
  const auto find = [&](const std::string& key) {
    return read([&](Transaction& t) { return t.identities().find_user(key); });
  };

  EXPECT_EQ(find("admin")->id, admin.id);
  EXPECT_EQ(find(admin.id.text)->number, 1);
  EXPECT_EQ(find("bob")->role, Role::reader);
  EXPECT_FALSE(find("bob")->active);
  EXPECT_EQ(find("bob")->created_at, at(2));
  EXPECT_FALSE(find("nobody"));
  EXPECT_EQ(insert(3, 3, "admin"), "conflict name_taken");
  EXPECT_EQ(insert(1, 3, "carol"), "conflict id_taken");
  EXPECT_EQ(insert(3, 1, "carol"), "conflict number_taken");
  EXPECT_EQ(insert(3, 0, "carol"), "fine");
}

TEST_P(RecordTables, KnowKeysByTheirHash) {
  const ApiKey key{{id_text("key_", 2)}, {id_text("usr_", 1)}, workspace_id(1), "hash", "mf_ab", at(1), false};
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.identities().insert_key(key));
    return t.identities().insert_key({{id_text("key_", 1)}, key.user, key.workspace, "other", "mf_cd", at(1), false});
  });
  const auto refused = [&](const std::string& id, const std::string& hash) {
    auto twin = key;
    twin.id = {id};
    twin.hash = hash;
    return outcome(store().write([&](Transaction& t) { return t.identities().insert_key(twin); }));
  };
  EXPECT_EQ(refused(id_text("key_", 3), "hash"), "conflict key_taken");
  EXPECT_EQ(refused(key.id.text, "new"), "conflict key_taken");

  auto revoked = key;
  revoked.revoked = true;
  revoked.workspace = workspace_id(2);
  write(store(), [&](Transaction& t) { return t.identities().update_key(revoked); });

  const auto found = read([](Transaction& t) { return t.identities().find_key("hash"); });
  EXPECT_TRUE(found->revoked);
  EXPECT_EQ(found->workspace, workspace_id(2));
  EXPECT_EQ(found->hint, "mf_ab");
  EXPECT_FALSE(read([](Transaction& t) { return t.identities().find_key("nothing"); }));
  const auto all = read([](Transaction& t) { return t.identities().keys(); });
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].hash, "other");
}

TEST_P(RecordTables, ReplaceSettings) {
  const auto get = [&] { return read([](Transaction& t) { return t.settings().get("epoch"); }); };
  EXPECT_EQ(get(), std::nullopt);

  write(store(), [](Transaction& t) { return t.settings().put("epoch", "1"); });
  write(store(), [](Transaction& t) { return t.settings().put("epoch", ""); });

  EXPECT_EQ(get(), "");
}

ImageContent given_content(int number, const std::string& digest) {
  ImageContent content;
  content.resource.id = {"img_" + std::string(31, '0') + std::to_string(number)};
  content.resource.kind = Kind::image;
  content.resource.workspace = {"wsp_1"};
  content.resource.name = digest;
  content.resource.name_held = false;
  content.digest = digest;
  content.bytes = 100 * number;
  return content;
}

TEST_P(RecordTables, KeepContentsOfImagesUntilTheyAreGone) {
  auto first = given_content(1, "sha256:a"), second = given_content(2, "sha256:a");
  first.resource.state = State::deleting;
  second.unnamed_at = service_time(7);
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.images().insert(first));
    return t.images().insert(second);
  });

  const auto active = read([&](Transaction& t) { return t.images().find_content("sha256:a"); });
  ASSERT_TRUE(active);
  EXPECT_EQ(active->resource.id, second.resource.id);
  EXPECT_EQ(active->unnamed_at, service_time(7));
  EXPECT_EQ(active->bytes, 200);
  EXPECT_EQ(read([&](Transaction& t) { return t.images().contents(); }).size(), 2u);

  first.resource.state = State::gone;
  write(store(), [&](Transaction& t) { return t.images().update(first); });
  EXPECT_EQ(read([&](Transaction& t) { return t.images().contents(); }).size(), 1u);
  EXPECT_EQ(read([&](Transaction& t) { return t.images().content(first.resource.id); }).resource.state, State::gone);
  EXPECT_FALSE(read([&](Transaction& t) { return t.images().find_content("sha256:b"); }));
}

TEST_P(RecordTables, CountWhoNeedsAnImage) {
  given(given_archive(1));
  given(given_archive(2));
  auto gone = given_archive(3);
  gone.resource.state = gone.lifetime.state = State::gone;
  given(gone);

  const auto uses = read([](Transaction& t) { return t.images().uses(); });
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].digest, "sha256:busy");
  EXPECT_EQ(uses[0].archives, 2);
  EXPECT_EQ(uses[0].sandboxes, 0);
  const auto users = read([](Transaction& t) { return t.images().users("sha256:busy", 1); });
  EXPECT_EQ(users, std::vector<ResourceId>{given_archive(1).resource.id});
}

TEST_P(RecordTables, KeepEveryMemberOfABuild) {
  ImageBuild build{{"bld_1"}, {"wsp_1"}, "user:ada", "tools", {"trixie", {"git", "g++"}}, BuildState::queued,
                   "", 0, "", "", {}, service_time(5), {}};
  write(store(), [&](Transaction& t) { return t.images().insert(build); });
  EXPECT_EQ(read([](Transaction& t) { return t.images().unfinished_builds(); }).size(), 1u);

  build.state = BuildState::failed;
  build.error = "no";
  build.error_code = "package_unknown";
  build.said = {"I: one", "E: two"};
  build.ended_at = service_time(9);
  write(store(), [&](Transaction& t) { return t.images().update(build); });

  const auto kept = read([](Transaction& t) { return t.images().build({"bld_1"}); });
  EXPECT_EQ(kept.workspace.text + kept.actor + kept.name + kept.recipe.release, "wsp_1user:adatoolstrixie");
  EXPECT_EQ(kept.recipe.packages, build.recipe.packages);
  EXPECT_EQ(kept.state, BuildState::failed);
  EXPECT_EQ(kept.error + kept.error_code, "nopackage_unknown");
  EXPECT_EQ(kept.said, build.said);
  EXPECT_EQ(kept.created_at, service_time(5));
  EXPECT_EQ(kept.ended_at, service_time(9));
  EXPECT_TRUE(read([](Transaction& t) { return t.images().unfinished_builds(); }).empty());
}

}  // namespace
}  // namespace mayfly
