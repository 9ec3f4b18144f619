/** A vault in memory that costs nothing to speak of: what is measured is the connector. */
import type { Vault } from '../../../src/channels/connector.ts'

export function quickVault(entries: Map<string, Uint8Array>): Vault {
  return {
    get: async (key) => entries.get(key) ?? null,
    getAll: async (wanted) => {
      const found = new Map<string, Uint8Array>()
      for (const key of wanted) {
        const value = entries.get(key)
        if (value !== undefined) found.set(key, value)
      }
      return found
    },
    keys: async (prefix) => [...entries.keys()].filter((key) => key.startsWith(prefix)).sort(),
    put: async (changes) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) entries.delete(key)
        else entries.set(key, value)
      }
    },
  }
}
