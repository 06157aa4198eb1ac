#pragma once

#include <cstddef>
#include <cstdint>

// Every limit on what comes from outside or grows with use, in one place, with the relations
// between them. Mastodon's numbers where clients know them: docs.joinmastodon.org.
namespace stampede::limits {

// HTTP server.
inline constexpr size_t kHeaderBytesMax = 16 * 1024;
inline constexpr size_t kHeaderCountMax = 100;
inline constexpr size_t kTargetBytesMax = 8 * 1024;
inline constexpr size_t kBodyBytesMax = 1024 * 1024;         // ordinary API calls
inline constexpr size_t kUploadBytesMax = 20 * 1024 * 1024;  // avatar + header in one form
inline constexpr size_t kConnectionsMax = 10'000;
inline constexpr size_t kWorkerQueueMax = 1'024;
inline constexpr int kHeaderTimeoutMs = 10'000;
inline constexpr int kBodyTimeoutMs = 30'000;
inline constexpr int kIdleTimeoutMs = 75'000;
inline constexpr int kWriteTimeoutMs = 30'000;
inline constexpr int kRequestDeadlineMs = 15'000;
inline constexpr int kShutdownGraceMs = 10'000;
inline constexpr size_t kBodiesBytesMax = 64 * 1024 * 1024;  // of all requests that are in memory
inline constexpr int kTransferBytesPerMs = 32;  // slowest body, up or down, that we bear
inline constexpr int kLingerMs = 2'000;         // reading on after a refusal
inline constexpr size_t kLingerBytesMax = 4 * 1024 * 1024;

// Outgoing HTTP. Mastodon: app/lib/request.rb (5 s to connect, 10 s per read, 30 s in all, 3 redirects,
// 1 MiB of body).
inline constexpr int kOutgoingConnectTimeoutMs = 5'000;
inline constexpr int kOutgoingStallTimeoutMs = 10'000;
inline constexpr int kOutgoingTimeoutMs = 30'000;
inline constexpr int kOutgoingRedirectsMax = 3;
inline constexpr size_t kOutgoingBodyBytesMax = 1024 * 1024;
inline constexpr size_t kOutgoingHeaderBytesMax = 64 * 1024;
inline constexpr size_t kOutgoingUrlBytesMax = 2'048;
inline constexpr size_t kOutgoingTransfersMax = 128;  // open at once
inline constexpr size_t kOutgoingTransfersPerHostMax = 4;
inline constexpr size_t kOutgoingQueueMax = 1'024;  // waiting for one of those
inline constexpr size_t kOutgoingQueuePerHostMax = 128;
inline constexpr size_t kOutgoingIdleConnectionsMax = 64;

// Logs.
inline constexpr size_t kLogValueBytesMax = 4'096;
inline constexpr int kLogRepeatsPerSecond = 20;  // of one message
inline constexpr size_t kLogMessagesMax = 1'024;

// Parsers.
inline constexpr size_t kJsonDepthMax = 16;
inline constexpr size_t kParamsMax = 1'000;  // leaves of one request's parameters
inline constexpr size_t kParamDepthMax = 8;
inline constexpr size_t kMultipartPartsMax = 64;

// Store.
inline constexpr size_t kKeyBytesMax = 512;
inline constexpr size_t kValueBytesMax = 1024 * 1024;
inline constexpr size_t kBatchBytesMax = 8 * 1024 * 1024;
inline constexpr size_t kScanRowsMax = 10'000;
inline constexpr size_t kCommitAttemptsMax = 32;

// Accounts.
inline constexpr size_t kUsernameCharsMax = 30;
inline constexpr size_t kDisplayNameCharsMax = 40;
inline constexpr size_t kNoteCharsMax = 500;
inline constexpr size_t kFieldsMax = 4;
inline constexpr size_t kFieldCharsMax = 255;
inline constexpr size_t kPasswordBytesMin = 8;
inline constexpr size_t kPasswordBytesMax = 72;
inline constexpr size_t kSignUpReasonCharsMax = 420;
inline constexpr size_t kAvatarBytesMax = 8 * 1024 * 1024;
inline constexpr size_t kProfileImagePixelsMax = 33'177'600;
inline constexpr size_t kAltTextCharsMax = 150;

// OAuth.
inline constexpr size_t kAppNameCharsMax = 60;
inline constexpr size_t kRedirectUrisBytesMax = 2'000;
inline constexpr size_t kWebsiteBytesMax = 2'000;
inline constexpr int64_t kAuthorizationCodeMs = 10 * 60 * 1000;
inline constexpr int64_t kWebSessionMs = 30LL * 24 * 3600 * 1000;

// Relationships.
inline constexpr int64_t kFollowsMax = 7'500;
inline constexpr size_t kRelationshipIdsMax = 1'000;
inline constexpr size_t kRelationshipNoteCharsMax = 2'000;
inline constexpr int64_t kMuteMsMax = 100LL * 365 * 24 * 3600 * 1000;
inline constexpr size_t kAcceptedRequestsPerBatch = 100;
inline constexpr size_t kFamiliarFollowersIdsMax = 20;
inline constexpr size_t kFamiliarFollowersScanned = 1'000;  // newest followers of each

// Notifications.
inline constexpr size_t kNotificationsPageDefault = 40;
inline constexpr size_t kNotificationsPageMax = 80;
inline constexpr size_t kUnreadNotificationsDefault = 100;  // unread_count stops there
inline constexpr size_t kUnreadNotificationsMax = 1'000;
inline constexpr size_t kNotificationScanRows = 10'000;  // looked at for one page
inline constexpr size_t kNotifiedFollowersPerBatch = 200;

// Statuses.
inline constexpr size_t kStatusCharsMax = 500;
inline constexpr size_t kUrlChars = 23;
inline constexpr size_t kStatusTextBytesMax = 64 * 1024;
inline constexpr size_t kMentionsMax = 100;  // resolved mentions of one status
inline constexpr size_t kContextAncestorsMax = 4'096;
inline constexpr size_t kContextDescendantsMax = 4'096;
inline constexpr size_t kAnonymousAncestorsMax = 40;
inline constexpr size_t kAnonymousDescendantsMax = 60;
inline constexpr size_t kAnonymousDepthMax = 20;
inline constexpr int64_t kIdempotencyMs = 60 * 60 * 1000;
inline constexpr size_t kIdempotencyKeyBytesMax = 256;

// Pages.
inline constexpr size_t kStatusesPageDefault = 20;
inline constexpr size_t kStatusesPageMax = 40;
inline constexpr size_t kAccountsPageDefault = 40;
inline constexpr size_t kAccountsPageMax = 80;

// Feeds. What is kept in memory, not what can be read: older pages come from the store. Mastodon
// kept 400 until 2023 and shows no more than it keeps (MAX_ITEMS in its feed_manager.rb).
inline constexpr size_t kFeedEntriesMax = 400;
inline constexpr size_t kBoostWindow = 40;

// Events and jobs.
// Of one subscriber. Who publishes waits for it to keep up, so this bounds how long after its
// acknowledgement a post is in the homes of its readers: some 50 ms at 5,000 posts/s.
inline constexpr size_t kEventQueueMax = 256;
// Events that other processes do not have yet, in memory; more wait in the outbox alone.
inline constexpr size_t kEventsUnsentMax = 50'000;
inline constexpr size_t kEventsUnsentBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kSequenceHeldMax = 4'096;
inline constexpr int64_t kEventBlindMs = 10'000;
inline constexpr int64_t kEventPatienceMs = 10'000;
inline constexpr size_t kBroadcastBytesMax = 512 * 1024;
inline constexpr size_t kJobAttemptsMax = 16;
inline constexpr int64_t kJobLeaseMs = 60'000;
inline constexpr int64_t kJobLeaseMsMin = 2'500;
inline constexpr int64_t kJobLeaseMsMax = 100'000;

static_assert(kBatchBytesMax > kValueBytesMax);
static_assert(kBodiesBytesMax > kUploadBytesMax && kUploadBytesMax > kBodyBytesMax);
static_assert(kHeaderBytesMax > kTargetBytesMax);
static_assert(kUploadBytesMax >= 2 * kAvatarBytesMax);
static_assert(kOutgoingConnectTimeoutMs < kOutgoingStallTimeoutMs);
static_assert(kOutgoingStallTimeoutMs < kOutgoingTimeoutMs);
static_assert(kOutgoingQueuePerHostMax < kOutgoingQueueMax);
static_assert(kOutgoingTransfersPerHostMax < kOutgoingTransfersMax);
static_assert(kBoostWindow < kFeedEntriesMax);
static_assert(kStatusTextBytesMax < kBodyBytesMax);

}  // namespace stampede::limits
