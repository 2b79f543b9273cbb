/*
 * What ATA devices and their controllers call things: ATA8-ACS (commands, status) and the ATA/ATAPI
 * task file.
 */
#ifndef HW_ATA_ATA_REGS_H
#define HW_ATA_ATA_REGS_H

enum { ATA_SECTOR = 512, ATA_CD_BLOCK = 2048 };

/* Status */
enum {
    ATA_ERR = 1 << 0, /* packet devices: CHK */
    ATA_DRQ = 1 << 3,
    ATA_DSC = 1 << 4, /* seek complete */
    ATA_DF = 1 << 5,
    ATA_DRDY = 1 << 6,
    ATA_BSY = 1 << 7,
};
/* Error */
enum {
    ATA_ERROR_ABRT = 1 << 2,
    ATA_ERROR_IDNF = 1 << 4,
    ATA_ERROR_UNC = 1 << 6,
    ATA_DIAGNOSTIC_OK = 1,
};
/* Device */
enum { ATA_DEVICE_SELECT = 1 << 4, ATA_DEVICE_LBA = 1 << 6, ATA_DEVICE_FUA = 1 << 7 };
/* Device control */
enum { ATA_CONTROL_NIEN = 1 << 1, ATA_CONTROL_SRST = 1 << 2, ATA_CONTROL_HOB = 1 << 7 };
/* Interrupt reason: the count register of packet commands */
enum { ATA_REASON_COD = 1 << 0, ATA_REASON_IO = 1 << 1 };

enum {
    ATA_CMD_NOP = 0x00,
    ATA_CMD_DATA_SET_MANAGEMENT = 0x06,
    ATA_CMD_DEVICE_RESET = 0x08,
    ATA_CMD_RECALIBRATE = 0x10, /* to 1f */
    ATA_CMD_READ = 0x20,
    ATA_CMD_READ_NO_RETRY = 0x21,
    ATA_CMD_READ_EXT = 0x24,
    ATA_CMD_READ_DMA_EXT = 0x25,
    ATA_CMD_READ_NATIVE_MAX_EXT = 0x27,
    ATA_CMD_READ_MULTIPLE_EXT = 0x29,
    ATA_CMD_READ_LOG_EXT = 0x2f,
    ATA_CMD_WRITE = 0x30,
    ATA_CMD_WRITE_NO_RETRY = 0x31,
    ATA_CMD_WRITE_EXT = 0x34,
    ATA_CMD_WRITE_DMA_EXT = 0x35,
    ATA_CMD_WRITE_MULTIPLE_EXT = 0x39,
    ATA_CMD_WRITE_DMA_FUA_EXT = 0x3d,
    ATA_CMD_VERIFY = 0x40,
    ATA_CMD_VERIFY_NO_RETRY = 0x41,
    ATA_CMD_VERIFY_EXT = 0x42,
    ATA_CMD_READ_LOG_DMA_EXT = 0x47,
    ATA_CMD_READ_FPDMA = 0x60,
    ATA_CMD_WRITE_FPDMA = 0x61,
    ATA_CMD_SEEK = 0x70, /* to 7f */
    ATA_CMD_DIAGNOSTIC = 0x90,
    ATA_CMD_INIT_PARAMETERS = 0x91,
    ATA_CMD_PACKET = 0xa0,
    ATA_CMD_IDENTIFY_PACKET = 0xa1,
    ATA_CMD_SMART = 0xb0,
    ATA_CMD_READ_MULTIPLE = 0xc4,
    ATA_CMD_WRITE_MULTIPLE = 0xc5,
    ATA_CMD_SET_MULTIPLE = 0xc6,
    ATA_CMD_READ_DMA = 0xc8,
    ATA_CMD_READ_DMA_NO_RETRY = 0xc9,
    ATA_CMD_WRITE_DMA = 0xca,
    ATA_CMD_WRITE_DMA_NO_RETRY = 0xcb,
    ATA_CMD_WRITE_MULTIPLE_FUA_EXT = 0xce,
    ATA_CMD_STANDBY_IMMEDIATE = 0xe0,
    ATA_CMD_IDLE_IMMEDIATE = 0xe1,
    ATA_CMD_STANDBY = 0xe2,
    ATA_CMD_IDLE = 0xe3,
    ATA_CMD_READ_BUFFER = 0xe4,
    ATA_CMD_CHECK_POWER = 0xe5,
    ATA_CMD_SLEEP = 0xe6,
    ATA_CMD_FLUSH = 0xe7,
    ATA_CMD_WRITE_BUFFER = 0xe8,
    ATA_CMD_FLUSH_EXT = 0xea,
    ATA_CMD_IDENTIFY = 0xec,
    ATA_CMD_SET_FEATURES = 0xef,
    ATA_CMD_READ_NATIVE_MAX = 0xf8,
};

#endif
