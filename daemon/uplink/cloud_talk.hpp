// Conversations with AWS IoT that are nobody's lane (core/cloud_talk.hpp), over the same links as the lanes.
// App gives them to identity.
#pragma once

#include <functional>

#include "core/cloud_talk.hpp"
#include "core/options.hpp"
#include "uplink/cloud_link.hpp"

namespace sluice::uplink {

// `cloud`: the options as they are when a conversation begins, for what its own do not say (endpoint, roots,
// ALPN, keep-alive). The clock must outlive the opener; conversations may outlive it.
CloudTalkOpener make_cloud_talks(std::function<CloudOptions()> cloud, Clock& clock, LinkFactory links);

}  // namespace sluice::uplink
