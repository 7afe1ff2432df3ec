/* A codec that does what a script of bytes says: the shape of its structure, what it passes to the host, what it answers.
 * For the fuzzer. What no host can check (a wild pointer, an endless loop) is not in the language. */
#include <stddef.h>
#include <stdint.h>

#include "plugins/codec.h"

/* Set by the fuzzer before each load. */
struct codec_script {
  const uint8_t* data;
  size_t size;
  size_t opened, closed;
};
struct codec_script codec_script;

static uint8_t huge[1 << 20];
static uint32_t claimed; /* the size of the structure that was handed out */

static unsigned next(void) {
  if (codec_script.size == 0) return 0;
  --codec_script.size;
  return *codec_script.data++;
}

static sluice_bytes argument(sluice_bytes frame) {
  static const size_t edges[] = {127, 128, 129, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537};
  sluice_bytes out = {huge, 0};
  switch (next() % 6) {
    case 0:
      out.data = NULL;
      break;
    case 1: /* nothing, and a length */
      out.data = NULL;
      out.size = next() % 2 != 0 ? SIZE_MAX : next() + 1;
      break;
    case 2:
      out = frame;
      if (out.size > 0) out.size -= next() % (out.size + 1);
      break;
    case 3:
      out.size = next() * 4096;
      break;
    case 4:
      out.size = edges[next() % (sizeof edges / sizeof *edges)];
      break;
    default: /* longer than there is memory */
      out.size = SIZE_MAX - next();
      break;
  }
  return out;
}

/* What it says in one call, and its answer. */
static int play(const sluice_codec_host* host, sluice_bytes frame) {
  if (host->abi != SLUICE_CODEC_ABI || host->size < sizeof *host) __builtin_trap();
  while (codec_script.size > 0) {
    const unsigned word = next(), times = word >= 0xf0 ? 248 + next() % 16 : 1;
    const sluice_bytes a = argument(frame), b = argument(frame), c = argument(frame);
    for (unsigned i = 0; i < times; ++i) {
      if (word % 4 == 0) host->reading(host->context, a, b, c);
      if (word % 4 == 1) host->send(host->context, a);
      if (word % 4 == 2) host->log(host->context, (int)b.size - 5, a);
    }
    if (word % 4 == 3) return (int)(word / 4) - 8;
  }
  return SLUICE_CODEC_OK;
}

static void* scripted_open(const sluice_codec_host* host, sluice_bytes config) {
  if (play(host, config) != SLUICE_CODEC_OK) return NULL;
  ++codec_script.opened;
  return &codec_script;
}
static void scripted_close(void* self) {
  if (self != &codec_script) __builtin_trap();
  ++codec_script.closed;
}
static int scripted_decode(void* self, const sluice_codec_host* host, sluice_bytes frame) {
  if (self != &codec_script) __builtin_trap();
  return play(host, frame);
}
/* What lies behind the size that it gave is not its. */
static void must_be_mine(size_t end) {
  if (claimed < end) __builtin_trap();
}
static int scripted_encode(void* self, const sluice_codec_host* host, sluice_bytes device, sluice_bytes topic, sluice_bytes payload) {
  must_be_mine(offsetof(sluice_codec, poll));
  (void)device;
  (void)topic;
  return scripted_decode(self, host, payload);
}
static int scripted_poll(void* self, const sluice_codec_host* host, sluice_bytes device) {
  must_be_mine(offsetof(sluice_codec, ack));
  return scripted_decode(self, host, device);
}
static int scripted_ack(void* self, const sluice_codec_host* host, sluice_bytes device, sluice_bytes frame, int taken) {
  must_be_mine(sizeof(sluice_codec));
  (void)device;
  (void)taken;
  return scripted_decode(self, host, frame);
}

const sluice_codec* sluice_codec_v1(void) {
  static sluice_codec codec;
  const unsigned lacks = next(), shape = next();
  if (lacks == 0xff) return NULL;
  codec.abi = shape == 0xff ? next() : SLUICE_CODEC_ABI;
  codec.size = claimed = shape % 2 == 0 ? sizeof codec : (uint32_t)next();
  codec.name = (lacks & 0x81) == 0x81 ? NULL : "scripted";
  codec.open = (lacks & 0x82) == 0x82 ? NULL : scripted_open;
  codec.close = (lacks & 0x84) == 0x84 ? NULL : scripted_close;
  codec.decode = (lacks & 0x88) == 0x88 ? NULL : scripted_decode;
  codec.encode = (lacks & 0x10) != 0 ? NULL : scripted_encode;
  codec.poll = (lacks & 0x20) != 0 ? NULL : scripted_poll;
  codec.ack = (lacks & 0x40) != 0 ? NULL : scripted_ack;
  return &codec;
}
