#include "api/aeontel/entry_body.h"

#include "api/aeontel/page.h"
#include "core/cleanup.h"
#include "core/host_words.h"
#include "json/bytes.h"
#include "json/reader.h"

namespace mayfly::api::aeontel {

using boost::json::array;
using boost::json::object;
using boost::json::value;

object render(const Entry& entry) {
  const auto& row = entry.resource;
  object body = {{"id", row.id.text}, {"name", json::as_text(row.name)}};
  if (row.kind != Kind::workspace) body["workspaceId"] = row.workspace.text;
  if (row.kind == Kind::element) {
    body["appId"] = row.parent.text;
    const auto content = json::parse(entry.content);
    body["content"] = content ? *content : value();
  }
  if (row.kind == Kind::database) body["sizeMb"] = entry.size_mb;
  body["state"] = name(row.state);
  body["createdAt"] = format(row.created_at);
  body["updatedAt"] = format(row.updated_at);
  body["deletedAt"] = or_null(row.deleted_at);
  body["retentionTier"] = entry.trashed ? value(name(entry.trashed->tier)) : value();
  body["purgeAt"] = entry.trashed ? or_null(entry.trashed->purge_at) : value();
  return body;
}

object render(const Trashed& trashed) {
  const bool workspace = trashed.kind == Kind::workspace;
  return {{"id", trashed.id.text},
          {"type", describe(trashed.kind).name},
          {"name", json::as_text(trashed.name)},
          {"workspaceId", workspace ? trashed.id.text : trashed.scope.text},
          {"deletedAt", format(trashed.deleted_at)},
          {"deletedBy", trashed.deleted_by},
          {"retentionTier", name(trashed.tier)},
          {"purgeAt", or_null(trashed.purge_at)}};
}

object render(const Hold& hold) {
  return {{"id", hold.id.text},
          {"resourceId", hold.resource.text},
          {"workspaceId", hold.workspace.text},
          {"owner", hold.owner},
          {"reason", json::as_text(hold.reason)},
          {"createdAt", format(hold.created_at)},
          {"expiresAt", or_null(hold.expires_at)},
          {"endedAt", or_null(hold.ended_at)},
          {"endedBy", or_null(hold.ended_by)}};
}

object render(const Event& event) {
  object data;
  for (const auto& [key, text] : event.data) data[json::as_text(key)] = json::as_text(without_host_words(text));
  return {{"id", event.id.text},
          {"type", event.type},
          {"subjectId", event.subject.text},
          {"userId", or_null(event.user.text)},
          {"workspaceId", event.workspace.text},
          {"parentId", or_null(event.parent.text)},
          {"data", std::move(data)},
          {"createdAt", format(event.at)},
          {"actor", event.actor},
          {"requestId", or_null(event.request_id)}};
}

object render(const Plan& plan) {
  array kinds, holds, blockers;
  std::int64_t count = 0, bytes = 0, reserved = 0;
  for (const auto& one : plan.kinds) {
    kinds.push_back({{"resourceType", name(cleanup::root_verb(one.kind))},
                     {"count", one.count},
                     {"bytes", one.bytes},
                     {"reservedMb", one.reserved_mb}});
    count += one.count;
    bytes += one.bytes;
    reserved += one.reserved_mb;
  }
  for (const auto& hold : plan.holds) holds.push_back(render(hold));
  for (const auto& blocker : plan.blockers)
    blockers.push_back({{"resourceId", blocker.resource.text}, {"text", json::as_text(blocker.text)}});
  return {{"resourceId", plan.resource.id.text},
          {"resourceType", name(cleanup::root_verb(plan.resource.kind))},
          {"count", count},
          {"bytes", bytes},
          {"reservedMb", reserved},
          {"kinds", std::move(kinds)},
          {"holds", std::move(holds)},
          {"blockers", std::move(blockers)},
          {"etag", plan.etag}};
}

}  // namespace mayfly::api::aeontel
