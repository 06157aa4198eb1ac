#pragma once

#include <string>

#include "codec/json_writer.h"
#include "features/oauth/service.h"

namespace stampede::oauth {

// https://docs.joinmastodon.org/entities/Application; with the secret it is a
// CredentialApplication, as only its creation answers.
void RenderApp(codec::JsonWriter& json, const AppRecord& app, const std::string& vapid_public_key,
               const std::string* client_secret = nullptr);
// https://docs.joinmastodon.org/entities/Token
void RenderToken(codec::JsonWriter& json, const IssuedToken& token);

}  // namespace stampede::oauth
