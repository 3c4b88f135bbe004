// Sends with whatever build of Segment's Node SDK stands beside it, and says as JSON what it was told went wrong.
const { Analytics } = require('@segment/analytics-node')

async function main() {
  const asked = JSON.parse(process.argv[2])
  const faults = []
  const analytics = new Analytics({
    writeKey: asked.write_key,
    host: asked.host,
    flushAt: asked.batch,
    flushInterval: 100,
    maxRetries: asked.retries,
  })
  analytics.on('error', (error) => faults.push(`${error.code} ${error.reason}`))
  const userId = asked.user_id
  if (asked.kinds) {
    analytics.identify({ userId, traits: { city: '上海' } })
    analytics.alias({ userId, previousId: `${userId}-before` })
    analytics.group({ userId, groupId: 'group-1', traits: { name: '波纹' } })
    analytics.page({ userId, name: 'Home', properties: { url: 'https://mall.example/' } })
    analytics.screen({ userId, name: 'Cart' })
  }
  for (let number = 0; number < asked.tracks; number++) {
    analytics.track({ userId, event: `Seen ${number}`, properties: { number } })
  }
  await analytics.closeAndFlush({ timeout: 30000 })
  console.log(JSON.stringify(faults))
}

main()
