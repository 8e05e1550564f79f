/* CRC-16/CCITT-FALSE: polynomial 0x1021, starts at 0xFFFF, "123456789" gives 0x29B1. */
#ifndef CRC16_H
#define CRC16_H

#include <stdint.h>

#define CRC16_START 0xFFFFu

static inline uint16_t crc16(uint16_t crc, uint8_t byte) {
  crc = (uint16_t)(crc ^ byte << 8);
  for (int bit = 0; bit < 8; ++bit) {
    crc = (uint16_t)(crc << 1 ^ (crc & 0x8000u ? 0x1021u : 0));
  }
  return crc;
}

#endif
