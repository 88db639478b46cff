"""Telegram accounts, chats and calls. Knows nothing of SIP; no Telethon object leaves this
package.
"""
