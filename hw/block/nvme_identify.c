/* What the NVMe controller's Identify command tells. */
#include <stdio.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum { IDENTIFY_SIZE = 4096 };
enum {
    CNS_NAMESPACE = 0x00,
    CNS_CONTROLLER = 0x01,
    CNS_ACTIVE_NAMESPACES = 0x02,
    CNS_DESCRIPTORS = 0x03,
    CNS_SET_NAMESPACE = 0x05, /* of one I/O command set (TP 4056) */
    CNS_SET_CONTROLLER = 0x06,
    CNS_ALLOCATED_NAMESPACES = 0x10,
    CNS_ALLOCATED_NAMESPACE = 0x11,
    CNS_NAMESPACE_CONTROLLERS = 0x12,
    CNS_CONTROLLERS = 0x13,
};
/* Identify Controller. */
enum {
    CTRL_VID = 0,
    CTRL_SSVID = 2,
    CTRL_SN = 4,
    CTRL_MN = 24,
    CTRL_FR = 64,
    CTRL_RAB = 72,
    CTRL_IEEE = 73,
    CTRL_MDTS = 77,
    CTRL_CNTLID = 78,
    CTRL_VER = 80,
    CTRL_OAES = 92,
    CTRL_CNTRLTYPE = 111,
    CTRL_ACL = 258,
    CTRL_AERL = 259,
    CTRL_FRMW = 260,
    CTRL_LPA = 261,
    CTRL_ELPE = 262,
    CTRL_WCTEMP = 266,
    CTRL_CCTEMP = 268,
    CTRL_SQES = 512,
    CTRL_CQES = 513,
    CTRL_NN = 516,
    CTRL_ONCS = 520,
    CTRL_VWC = 525,
    CTRL_SGLS = 536,
    CTRL_SUBNQN = 768,
    CTRL_PSD0 = 2048,
    SN_SIZE = 20,
    MN_SIZE = 40,
    SUBNQN_SIZE = 256,
};
enum {
    OAES_NAMESPACE = 1 << 8,
    FRMW_ONE_SLOT_READ_ONLY = 1 << 1 | 1 << 0,
    LPA_EFFECTS = 1 << 1,
    LPA_EXTENDED = 1 << 2,
    ONCS_COMPARE = 1 << 0,
    ONCS_DSM = 1 << 2,
    ONCS_WRITE_ZEROES = 1 << 3,
    ONCS_SELECT = 1 << 4,
    ONCS_TIMESTAMP = 1 << 6,
    VWC_PRESENT = 1 << 0,
    VWC_FLUSH_ALL = 3 << 1,
    SGLS_SUPPORTED = 1 << 0,
    SGLS_LONGER = 1 << 18, /* than the data */
    POWER_ENLAT = 4,
    POWER_EXLAT = 8,
};
/* Identify Namespace. */
enum {
    NS_NSZE = 0,
    NS_NCAP = 8,
    NS_NUSE = 16,
    NS_NSFEAT = 24,
    NS_DLFEAT = 33,
    NS_NPWG = 64,
    NS_NPWA = 66,
    NS_NPDG = 68,
    NS_NPDA = 70,
    NS_NSATTR = 99,
    NS_EUI64 = 120,
    NS_LBAF0 = 128,
    NSFEAT_OPTIMAL = 1 << 4,
    NSFEAT_THIN = 1 << 0,
    DLFEAT_ZEROES_DEALLOCATE = 1 << 3,
    NSATTR_WRITE_PROTECTED = 1 << 0,
};
enum { DESCRIPTOR_EUI64 = 1, DESCRIPTOR_CSI = 4, DESCRIPTOR_HEADER = 4 };

/* Identifiers have to come from somewhere, and to be the same the next time: from the serial
 * number. FNV-1a. */
static uint64_t hash(const char *text, uint64_t h)
{
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t eui64(const struct nvme *s)
{
    /* Locally administered, of an individual. */
    return (hash(s->props.serial, UINT64_C(0xcbf29ce484222325)) & ~(UINT64_C(3) << 56)) |
           UINT64_C(2) << 56;
}

/* Padded with blanks. */
static void put_text(uint8_t *p, size_t size, const char *text)
{
    memset(p, ' ', size);
    memcpy(p, text, strnlen(text, size));
}

static void put_subnqn(const struct nvme *s, uint8_t *p)
{
    uint64_t high = hash(s->props.serial, UINT64_C(0x6c62272e07bb0142)), low = eui64(s);

    /* A UUID of version 8. */
    high = (high & ~UINT64_C(0xf000)) | 0x8000;
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
    snprintf((char *)p, SUBNQN_SIZE, "nqn.2014-08.org.nvmexpress:uuid:%08x-%04x-%04x-%04x-%012llx",
             (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
             (unsigned)(low >> 48), (unsigned long long)(low & mask_bits(48)));
}

static void identify_controller(const struct nvme *s, uint8_t *p)
{
    store_le16(p + CTRL_VID, load_le16(s->pci.config + PCI_VENDOR_ID));
    store_le16(p + CTRL_SSVID, load_le16(s->pci.config + PCI_SUBSYSTEM_VENDOR_ID));
    put_text(p + CTRL_SN, SN_SIZE, s->props.serial);
    put_text(p + CTRL_MN, MN_SIZE, "vemu NVMe Ctrl");
    memcpy(p + CTRL_FR, NVME_FIRMWARE, 8);
    p[CTRL_RAB] = 6;
    p[CTRL_IEEE] = 0x00, p[CTRL_IEEE + 1] = 0x54, p[CTRL_IEEE + 2] = 0x52;
    p[CTRL_MDTS] = s->props.mdts;
    store_le32(p + CTRL_VER, NVME_VERSION);
    store_le32(p + CTRL_OAES, OAES_NAMESPACE);
    p[CTRL_CNTRLTYPE] = 1; /* for I/O */
    p[CTRL_ACL] = 3;
    p[CTRL_AERL] = s->props.aerl;
    p[CTRL_FRMW] = FRMW_ONE_SLOT_READ_ONLY;
    p[CTRL_LPA] = LPA_EFFECTS | LPA_EXTENDED;
    p[CTRL_ELPE] = NVME_ERRORS - 1;
    store_le16(p + CTRL_WCTEMP, NVME_TEMPERATURE_WARNING);
    store_le16(p + CTRL_CCTEMP, NVME_TEMPERATURE_CRITICAL);
    p[CTRL_SQES] = 0x66;
    p[CTRL_CQES] = 0x44;
    store_le32(p + CTRL_NN, 1);
    store_le16(p + CTRL_ONCS,
               ONCS_COMPARE | ONCS_DSM | ONCS_WRITE_ZEROES | ONCS_SELECT | ONCS_TIMESTAMP);
    p[CTRL_VWC] = VWC_FLUSH_ALL | (s->props.drive->write_cache ? VWC_PRESENT : 0);
    store_le32(p + CTRL_SGLS, SGLS_SUPPORTED | SGLS_LONGER);
    put_subnqn(s, p + CTRL_SUBNQN);
    store_le16(p + CTRL_PSD0, 2500); /* 25 W */
    store_le32(p + CTRL_PSD0 + POWER_ENLAT, 16);
    store_le32(p + CTRL_PSD0 + POWER_EXLAT, 4);
}

static void identify_namespace(const struct nvme *s, uint8_t *p)
{
    uint32_t block = s->props.logical_block_size;
    uint16_t grain = (uint16_t)(s->props.physical_block_size / block - 1);

    store_le64(p + NS_NSZE, s->blocks);
    store_le64(p + NS_NCAP, s->blocks);
    store_le64(p + NS_NUSE, s->blocks);
    p[NS_NSFEAT] = NSFEAT_OPTIMAL | (s->props.drive->discard ? NSFEAT_THIN : 0);
    p[NS_DLFEAT] = s->props.drive->discard ? DLFEAT_ZEROES_DEALLOCATE : 0;
    /* Preferred granularity and alignment, of writes and of what is given back. */
    store_le16(p + NS_NPWG, grain);
    store_le16(p + NS_NPWA, grain);
    store_le16(p + NS_NPDG, grain);
    store_le16(p + NS_NPDA, grain);
    p[NS_NSATTR] = s->props.drive->read_only ? NSATTR_WRITE_PROTECTED : 0;
    store_be64(p + NS_EUI64, eui64(s));
    store_le32(p + NS_LBAF0, (uint32_t)__builtin_ctz(block) << 16);
}

static void identify_descriptors(const struct nvme *s, uint8_t *p)
{
    p[0] = DESCRIPTOR_EUI64;
    p[1] = 8;
    store_be64(p + DESCRIPTOR_HEADER, eui64(s));
    p += DESCRIPTOR_HEADER + 8;
    p[0] = DESCRIPTOR_CSI; /* 0: NVM commands */
    p[1] = 1;
}

/* Controllers whose identifier is not less than dword 10 says: there is number 0. */
static void controller_list(const struct nvme_cmd *cmd, uint8_t *p)
{
    store_le16(p, cmd->cdw[0] >> 16 ? 0 : 1);
}

unsigned nvme_identify(struct nvme *s, const struct nvme_cmd *cmd)
{
    uint8_t page[IDENTIFY_SIZE] = {0};
    uint8_t cns = (uint8_t)cmd->cdw[0], set = (uint8_t)(cmd->cdw[1] >> 24);

    switch (cns) {
    case CNS_NAMESPACE:
        if (cmd->nsid == NVME_NSID_ALL) /* what all namespaces have in common */
            identify_namespace(s, page), memset(page, 0, NS_NSFEAT), memset(page + NS_EUI64, 0, 8);
        else if (cmd->nsid == NVME_NSID)
            identify_namespace(s, page);
        else
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        break;
    case CNS_ALLOCATED_NAMESPACE:
        if (cmd->nsid != NVME_NSID)
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        identify_namespace(s, page);
        break;
    case CNS_CONTROLLER:
        identify_controller(s, page);
        break;
    case CNS_ACTIVE_NAMESPACES:
    case CNS_ALLOCATED_NAMESPACES: /* those behind this one */
        if (cmd->nsid >= NVME_NSID_ALL - 1)
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        store_le32(page, cmd->nsid < NVME_NSID ? NVME_NSID : 0);
        break;
    case CNS_DESCRIPTORS:
        if (cmd->nsid != NVME_NSID)
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        identify_descriptors(s, page);
        break;
    case CNS_SET_NAMESPACE:
        if (cmd->nsid != NVME_NSID)
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        /* fall through */
    case CNS_SET_CONTROLLER: /* no limits beyond those of all commands */
        if (set)
            return NVME_INVALID_FIELD | NVME_DNR;
        break;
    case CNS_NAMESPACE_CONTROLLERS:
        if (cmd->nsid != NVME_NSID)
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        /* fall through */
    case CNS_CONTROLLERS:
        controller_list(cmd, page);
        break;
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return nvme_to_host(s, cmd, page, sizeof page);
}
