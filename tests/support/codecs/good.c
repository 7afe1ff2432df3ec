/* A codec that does all it may: frames `<address><topic letter><text>`, as in `7t21.5`. */
#include <stdlib.h>
#include <string.h>

#include "plugins/codec.h"

struct self {
  char greeting[32];
};

static sluice_bytes text(const char* bytes, size_t size) {
  sluice_bytes out = {(const uint8_t*)bytes, size};
  return out;
}

static void* good_open(const sluice_codec_host* host, sluice_bytes config) {
  if (config.size >= 6 && memcmp(config.data, "{\"no\":", 6) == 0) {
    host->log(host->context, 3, text("it says no", 10));
    return NULL;
  }
  struct self* self = calloc(1, sizeof *self);
  if (self != NULL) strcpy(self->greeting, "?");
  return self;
}

static void good_close(void* self) { free(self); }

static int good_decode(void* self, const sluice_codec_host* host, sluice_bytes frame) {
  (void)self;
  if (frame.size == 1 && frame.data[0] == '.') return SLUICE_CODEC_NOT_MINE;
  if (frame.size == 1 && frame.data[0] == '!') return host->send(host->context, text("pong", 4));
  if (frame.size == 1 && frame.data[0] == '*') { /* all that a frame may say */
    for (int i = 0; i < 256; ++i) host->reading(host->context, text("7", 1), text("temp", 4), text("1", 1));
    return SLUICE_CODEC_OK;
  }
  if (frame.size < 3) return SLUICE_CODEC_BAD;
  const char* topic = frame.data[1] == 't' ? "temp" : "other";
  sluice_bytes payload = {frame.data + 2, frame.size - 2};
  return host->reading(host->context, text((const char*)frame.data, 1), text(topic, strlen(topic)), payload);
}

static int good_encode(void* self, const sluice_codec_host* host, sluice_bytes device, sluice_bytes topic, sluice_bytes payload) {
  (void)self;
  (void)topic;
  char frame[64];
  if (device.size + payload.size > sizeof frame) return SLUICE_CODEC_BAD;
  memcpy(frame, device.data, device.size);
  memcpy(frame + device.size, payload.data, payload.size);
  return host->send(host->context, text(frame, device.size + payload.size));
}

static int good_poll(void* self, const sluice_codec_host* host, sluice_bytes device) {
  struct self* own = self;
  int done = host->send(host->context, device);
  return done != 0 ? done : host->send(host->context, text(own->greeting, strlen(own->greeting)));
}

static int good_ack(void* self, const sluice_codec_host* host, sluice_bytes device, sluice_bytes frame, int taken) {
  (void)self;
  (void)device;
  (void)frame;
  return host->send(host->context, text(taken ? "ok" : "no", 2));
}

const sluice_codec* sluice_codec_v1(void) {
  static const sluice_codec codec = {SLUICE_CODEC_ABI, sizeof(sluice_codec), "good",     good_open, good_close,
                                     good_decode,      good_encode,          good_poll, good_ack};
  return &codec;
}
